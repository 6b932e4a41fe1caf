import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { removeDurably, syncDirectory, TEMPORARY, writeDurably } from '../durable.ts';
import type { ObjectStore, StoredObject } from './object-store.ts';

const missing = (error: NodeJS.ErrnoException): boolean => error.code === 'ENOENT';

/** Files in a directory, with a folder for each tenant. Files are written under a temporary name first. */
export class DirectoryObjects implements ObjectStore {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  get name(): string {
    return this.#dir;
  }

  #path(key: string): string {
    return join(this.#dir, key);
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    const folder = join(this.#path(key), '..');
    const made = await mkdir(folder, { recursive: true, mode: 0o700 });
    if (made !== undefined) await syncDirectory(this.#dir);
    await writeDurably(this.#path(key), bytes);
  }

  async get(key: string): Promise<Buffer | undefined> {
    return readFile(this.#path(key)).catch((error) => {
      if (missing(error)) return undefined;
      throw error;
    });
  }

  async remove(key: string): Promise<void> {
    await removeDurably(this.#path(key)).catch((error) => {
      if (!missing(error)) throw error;
    });
  }

  async *list(tenant?: string): AsyncIterable<StoredObject> {
    for (const folder of tenant === undefined ? await entries(this.#dir) : [tenant]) {
      if (folder.startsWith('.')) continue;
      for (const name of await entries(join(this.#dir, folder))) {
        const path = join(this.#dir, folder, name);
        const found = await stat(path).catch(() => undefined);
        if (!found?.isFile()) continue;
        // a crash may leave one; a write that is in progress is not older than a moment
        if (TEMPORARY.test(name)) await removeIfOld(path, found.mtimeMs);
        else yield { key: `${folder}/${name}`, modified: found.mtimeMs };
      }
    }
  }
}

const ABANDONED_MS = 10 * 60_000;

async function removeIfOld(path: string, modified: number): Promise<void> {
  if (Date.now() - modified > ABANDONED_MS) await rm(path, { force: true });
}

async function entries(dir: string): Promise<string[]> {
  return readdir(dir).catch((error) => {
    if (missing(error) || error.code === 'ENOTDIR') return [];
    throw error;
  });
}
