import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parseTenants, TENANT_FILE, type TenantDocument } from './parse.ts';

/** Larger files are no tenants. */
const MAX_BYTES = 32 * 2 ** 20;
const MAX_DEPTH = 8;

/** One file as it was read last. */
export interface ScannedFile {
  /** Path within the directory. */
  file: string;
  documents: TenantDocument[];
  error?: string;
}

interface Known extends ScannedFile {
  signature: string;
}

/**
 * Reads a directory of tenant files again and again; what has not changed is not read twice. Names that begin with a dot are left out:
 * the `..data` of a mounted ConfigMap (its files are links into it), `.git`, editors' swap files.
 */
export class DirectoryScan {
  readonly #dir: string;
  #known = new Map<string, Known>();

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Every tenant file there is, in order of path. Rejects where the directory itself cannot be read. */
  async scan(): Promise<ScannedFile[]> {
    const next = new Map<string, Known>();
    for (const file of (await this.#files('', 0)).sort()) next.set(file, await this.#read(file));
    this.#known = next;
    return [...next.values()];
  }

  async #files(folder: string, depth: number): Promise<string[]> {
    const files: string[] = [];
    for (const entry of await readdir(join(this.#dir, folder), { withFileTypes: true })) {
      if (entry.name.startsWith('.')) continue;
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        if (depth < MAX_DEPTH) files.push(...(await this.#files(path, depth + 1)));
      } else if (TENANT_FILE.test(entry.name)) files.push(path);
    }
    return files;
  }

  async #read(file: string): Promise<Known> {
    try {
      const path = join(this.#dir, file);
      const { ino, size, mtimeMs, ctimeMs } = await stat(path);
      const signature = [ino, size, mtimeMs, ctimeMs].join();
      const known = this.#known.get(file);
      if (known?.signature === signature) return known;
      if (size > MAX_BYTES) throw new Error(`the file has ${size} bytes, more than ${MAX_BYTES}`);
      try {
        return { file, signature, documents: parseTenants(basename(file), await readFile(path, 'utf8')) };
      } catch (error) {
        return { file, signature, documents: [], error: (error as Error).message };
      }
    } catch (error) {
      // gone since it was listed, a link to nowhere, no permission: looked at again next time
      return { file, signature: '', documents: [], error: (error as Error).message };
    }
  }
}
