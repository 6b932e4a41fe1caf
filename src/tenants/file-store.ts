import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { ServiceError } from '../errors/index.ts';
import { TEMPORARY, writeDurably } from '../storage/durable.ts';
import { KeyedLock } from '../storage/keyed-lock.ts';
import { Semaphore } from '../storage/semaphore.ts';
import { TENANT_ID } from './definition.ts';
import { isRecord, StoredTenant, type TenantRecord } from './record.ts';
import type { TenantStore } from './store.ts';

const valid = new Ajv().compile(StoredTenant);
const SUFFIX = '.json';
const READERS = 32;

export interface FileStoreOptions {
  /** Called after a file that is not a tenant (edited by hand, a broken disk) was renamed to *.damaged. */
  onDamaged: (file: string, reason: string) => void;
}

/**
 * Tenants as one JSON file each in `<dataDir>/tenants`, so that they can be read, searched and backed up with ordinary tools.
 * Only one process may write. The file of a removed tenant keeps its last version number only.
 */
export class FileStore implements TenantStore {
  readonly #dir: string;
  readonly #onDamaged: FileStoreOptions['onDamaged'];
  readonly #locks = new KeyedLock();

  private constructor(dir: string, onDamaged: FileStoreOptions['onDamaged']) {
    this.#dir = dir;
    this.#onDamaged = onDamaged;
  }

  static async open(dataDir: string, { onDamaged }: FileStoreOptions): Promise<FileStore> {
    const dir = join(dataDir, 'tenants');
    await mkdir(dir, { recursive: true });
    for (const name of await readdir(dir)) if (TEMPORARY.test(name)) await rm(join(dir, name), { force: true });
    return new FileStore(dir, onDamaged);
  }

  #path(id: string): string {
    return join(this.#dir, id + SUFFIX);
  }

  async list(): Promise<TenantRecord[]> {
    const names = (await readdir(this.#dir)).filter(
      (n) => n.endsWith(SUFFIX) && TENANT_ID.test(n.slice(0, -SUFFIX.length)),
    );
    // a bounded number at a time: the system limits open files
    const slots = new Semaphore(READERS);
    const stored = await Promise.all(names.map((name) => slots.use(() => this.get(name.slice(0, -SUFFIX.length)))));
    return stored.filter((s) => s !== undefined).filter(isRecord);
  }

  async get(id: string): Promise<StoredTenant | undefined> {
    if (!TENANT_ID.test(id)) return undefined;
    let text: string;
    try {
      text = await readFile(this.#path(id), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    let reason: string;
    try {
      const value: unknown = JSON.parse(text);
      if (valid(value) && (value as StoredTenant).id === id) return value as StoredTenant;
      reason = valid.errors
        ? `${valid.errors[0]?.instancePath} ${valid.errors[0]?.message}`
        : 'the id in the file differs from the file name';
    } catch (error) {
      reason = (error as Error).message;
    }
    await rename(this.#path(id), `${this.#path(id)}.damaged`);
    this.#onDamaged(`${this.#path(id)}.damaged`, reason);
    return undefined;
  }

  write(next: StoredTenant, replaces: number): Promise<boolean> {
    return this.#locks.run(next.id, async () => {
      const now = await this.get(next.id);
      if ((now?.version ?? 0) !== replaces) return false;
      try {
        await writeDurably(this.#path(next.id), `${JSON.stringify(next, null, 1)}\n`);
      } catch (error) {
        throw unwritable(error);
      }
      return true;
    });
  }

  async seed(record: TenantRecord): Promise<boolean> {
    const mark = join(this.#dir, '.seeded');
    const seeded = await stat(mark).then(
      () => true,
      () => false,
    );
    if (seeded) return false;
    // the mark is written last: after a crash in between the tenant exists and only the mark is missing
    const made = await this.write(record, 0);
    await writeDurably(mark, '');
    return made;
  }

  /** Does nothing, because only one process writes a data directory. */
  subscribe(): void {}

  async close(): Promise<void> {}
}

/** Converts errors of a full or read-only disk: the request is valid, and stored tenants still serve. */
function unwritable(error: unknown): unknown {
  if (!/^(ENOSPC|EDQUOT|EROFS|EACCES|EPERM|EIO)$/.test(String((error as NodeJS.ErrnoException).code))) return error;
  return new ServiceError('store_unavailable', 'The data directory cannot be written. Nothing can be changed now.', {
    internal: String(error),
    cause: error,
    retryAfter: 5,
  });
}
