import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { ServiceError } from '../errors/index.ts';
import { TEMPORARY, writeDurably } from '../storage/durable.ts';
import { KeyedLock } from '../storage/keyed-lock.ts';
import { TENANT_ID } from './definition.ts';
import { isRecord, type StoredTenant, type TenantRecord } from './record.ts';
import type { TenantStore } from './store.ts';
import { readStored, withUnknownFields } from './stored.ts';

const SUFFIX = '.json';
const READERS = 32;

export interface FileStoreOptions {
  /** Called for each file that is not a tenant (edited by hand, a broken disk). The file stays, and its tenant cannot be changed. */
  onDamaged: (file: string, reason: string) => void;
  /** Called for each record that cannot be written: the disk is full or read-only. */
  onFailure?: () => void;
  /** Whether no other process writes: then files of interrupted writes are removed. */
  exclusive?: boolean;
}

interface Damaged {
  file: string;
  reason: string;
}

/**
 * Tenants as one JSON file each in `<dataDir>/tenants`, so that they can be read, searched and backed up with ordinary tools.
 * Only one process may write. The file of a removed tenant keeps its last version number only.
 */
export class FileStore implements TenantStore {
  readonly #dir: string;
  readonly #onDamaged: FileStoreOptions['onDamaged'];
  readonly #onFailure: FileStoreOptions['onFailure'];
  readonly #locks = new KeyedLock();

  private constructor(dir: string, { onDamaged, onFailure }: FileStoreOptions) {
    this.#dir = dir;
    this.#onDamaged = onDamaged;
    this.#onFailure = onFailure;
  }

  static async open(dataDir: string, options: FileStoreOptions): Promise<FileStore> {
    const dir = join(dataDir, 'tenants');
    await mkdir(dir, { recursive: true });
    for (const name of options.exclusive ? await readdir(dir) : [])
      if (TEMPORARY.test(name)) await rm(join(dir, name), { force: true });
    return new FileStore(dir, options);
  }

  #path(id: string): string {
    return join(this.#dir, id + SUFFIX);
  }

  async list(): Promise<TenantRecord[]> {
    const names = (await readdir(this.#dir)).filter(
      (n) => n.endsWith(SUFFIX) && TENANT_ID.test(n.slice(0, -SUFFIX.length)),
    );
    // a bounded number at a time: the system limits open files
    const limited = pLimit(READERS);
    const read = await Promise.all(names.map((name) => limited(() => this.#read(name.slice(0, -SUFFIX.length)))));
    const records: TenantRecord[] = [];
    for (const stored of read) {
      if (stored === undefined) continue;
      if ('reason' in stored) this.#onDamaged(stored.file, stored.reason);
      else if (isRecord(stored)) records.push(stored);
    }
    return records;
  }

  async get(id: string): Promise<StoredTenant | undefined> {
    const stored = await this.#read(id);
    if (stored === undefined || !('reason' in stored)) return stored;
    throw new ServiceError(
      'tenant_damaged',
      'The stored definition of this tenant cannot be read, so it is neither used nor replaced. Its file must be repaired or removed.',
      { internal: `${stored.file}: ${stored.reason}` },
    );
  }

  /** A file that is not a tenant stays where it is: its version number is needed, and a newer program may be able to read it. */
  async #read(id: string): Promise<StoredTenant | Damaged | undefined> {
    if (!TENANT_ID.test(id)) return undefined;
    const file = this.#path(id);
    try {
      const stored = readStored(JSON.parse(await readFile(file, 'utf8')), id);
      return 'reason' in stored ? { file, ...stored } : stored;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      if (!(error instanceof SyntaxError)) throw error;
      return { file, reason: error.message };
    }
  }

  write(next: StoredTenant, replaces: number): Promise<boolean> {
    return this.#locks.run(next.id, async () => {
      const now = await this.get(next.id);
      if ((now?.version ?? 0) !== replaces) return false;
      try {
        const content = withUnknownFields(next, now);
        await writeDurably(this.#path(next.id), `${JSON.stringify(content, null, 1)}\n`);
      } catch (error) {
        const reported = unwritable(error);
        if (reported !== error) this.#onFailure?.();
        throw reported;
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
    const now = seeded ? undefined : await this.#read(record.id);
    // a damaged file of this name must not end the start
    if (seeded || (now !== undefined && 'reason' in now)) return false;
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
    retryAfterSeconds: 5,
  });
}
