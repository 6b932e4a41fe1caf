import { readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { walk } from '../../storage/walk.ts';
import { parseTenants, TENANT_FILE, type TenantDocument } from './parse.ts';

/** A larger file is an error. */
const MAX_BYTES = 32 * 2 ** 20;
/** A broken link is an error of the file, so its tenants stay as they were. */
const OPTIONS = { wanted: (name: string) => TENANT_FILE.test(name), maxDepth: 8, brokenLinks: true };

/** The result of the last read of one file. */
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
 * Reads a directory of tenant files repeatedly; unchanged files are not read again. Names that begin with a dot are left out:
 * the `..data` of a mounted ConfigMap (its files are links into it), `.git`, swap files of editors.
 */
export class DirectoryScan {
  readonly #dir: string;
  #known = new Map<string, Known>();

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Every tenant file, in order of path. Rejects if the directory itself cannot be read. */
  async scan(): Promise<ScannedFile[]> {
    const next = new Map<string, Known>();
    const files: string[] = [];
    for await (const file of walk(this.#dir, OPTIONS)) files.push(file);
    for (const file of files.sort()) next.set(file, await this.#read(file));
    this.#known = next;
    return [...next.values()];
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
        const { tenants, faults } = parseTenants(basename(file), await readFile(path));
        // no document of a faulty file is used, because the rest may not be as its author intended
        if (faults.length > 0) return { file, signature, documents: [], error: faults.join('; ') };
        return { file, signature, documents: tenants };
      } catch (error) {
        return { file, signature, documents: [], error: (error as Error).message };
      }
    } catch (error) {
      // removed since the listing, a broken link, or no permission: read again at the next scan
      return { file, signature: '', documents: [], error: (error as Error).message };
    }
  }
}
