import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LRUCache } from 'lru-cache';
import { removeDurably, TEMPORARY } from '../durable.ts';
import { KeyedLock } from '../keyed-lock.ts';
import { Journal } from './journal.ts';
import type { Keyed, RecordStore } from './record-store.ts';

const SUFFIX = '.ndjson';
/** Records of tenants that stay in memory; those of other tenants are read again when they are needed. */
const MAX_RECORDS = 200_000;

/** Records in `<dataDir>/<kind>`, one file for each tenant. Only one process may write. */
export class FileRecords<T extends Keyed> implements RecordStore<T> {
  readonly #dir: string;
  readonly #locks = new KeyedLock();
  readonly #journals = new LRUCache<string, Journal<T>>({ maxSize: MAX_RECORDS });

  private constructor(dir: string) {
    this.#dir = dir;
  }

  /** @param kind name of the folder */
  static async open<T extends Keyed>(dataDir: string, kind: string): Promise<FileRecords<T>> {
    const dir = join(dataDir, kind);
    await mkdir(dir, { recursive: true, mode: 0o700 });
    for (const name of await readdir(dir)) if (TEMPORARY.test(name)) await rm(join(dir, name), { force: true });
    return new FileRecords(dir);
  }

  #path(tenant: string): string {
    return join(this.#dir, tenant + SUFFIX);
  }

  /** One piece of work on a tenant at a time. */
  #with<R>(tenant: string, work: (journal: Journal<T>) => Promise<R>): Promise<R> {
    return this.#locks.run(tenant, async () => {
      const journal = this.#journals.get(tenant) ?? (await Journal.open<T>(this.#path(tenant)));
      try {
        return await work(journal);
      } finally {
        this.#journals.set(tenant, journal, { size: Math.min(MAX_RECORDS, journal.records.size + 1) });
      }
    });
  }

  all(tenant: string): Promise<ReadonlyMap<string, T>> {
    return this.#with(tenant, async ({ records }) => records);
  }

  get(tenant: string, key: string): Promise<T | undefined> {
    return this.#with(tenant, async ({ records }) => records.get(key));
  }

  count(tenant: string): Promise<number> {
    return this.#with(tenant, async ({ records }) => records.size);
  }

  put(tenant: string, records: readonly T[]): Promise<void> {
    return this.#with(tenant, (journal) => journal.put(records));
  }

  remove(tenant: string, keys: readonly string[]): Promise<void> {
    return this.#with(tenant, (journal) => journal.remove(keys));
  }

  removeAll(tenant: string): Promise<void> {
    return this.#locks.run(tenant, async () => {
      this.#journals.delete(tenant);
      await removeDurably(this.#path(tenant));
    });
  }

  async tenants(): Promise<string[]> {
    const names = await readdir(this.#dir);
    return names.filter((name) => name.endsWith(SUFFIX)).map((name) => name.slice(0, -SUFFIX.length));
  }
}
