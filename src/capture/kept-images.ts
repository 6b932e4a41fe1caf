import { KeyedLock } from '../storage/keyed-lock.ts';
import type { ObjectStore } from '../storage/objects/object-store.ts';
import type { RecordStore } from '../storage/records/record-store.ts';
import type { CaptureRecord } from './capture-record.ts';

/** A file without a record is removed at this age: until then another replica may be about to store the record. */
const ORPHAN_MS = 3_600_000;

export interface KeptImagesOptions {
  objects: ObjectStore;
  records: RecordStore<CaptureRecord>;
}

/**
 * The kept images: files in an object store, and a record for each. The file is stored before its record and removed before it, so
 * that a file without a record is never shown and a failed removal can be repeated.
 */
export class KeptImages {
  readonly #objects: ObjectStore;
  readonly #records: RecordStore<CaptureRecord>;
  readonly #locks = new KeyedLock();

  constructor({ objects, records }: KeptImagesOptions) {
    this.#objects = objects;
    this.#records = records;
  }

  /** Where the files are, for the log. */
  get place(): string {
    return this.#objects.name;
  }

  all(tenant: string): Promise<ReadonlyMap<string, CaptureRecord>> {
    return this.#records.all(tenant);
  }

  get(tenant: string, key: string): Promise<CaptureRecord | undefined> {
    return this.#records.get(tenant, key);
  }

  count(tenant: string): Promise<number> {
    return this.#records.count(tenant);
  }

  tenants(): Promise<string[]> {
    return this.#records.tenants();
  }

  /** Runs `work` alone among the changes of a tenant in this process. */
  alone<T>(tenant: string, work: () => Promise<T>): Promise<T> {
    return this.#locks.run(tenant, work);
  }

  /** Stores an image; call it within `alone`. */
  async add(tenant: string, bytes: Uint8Array, record: CaptureRecord): Promise<void> {
    const object = `${tenant}/${record.key}`;
    await this.#objects.put(object, bytes);
    try {
      await this.#records.put(tenant, [record]);
    } catch (error) {
      // a file without a record would be kept and never shown
      await this.#objects.remove(object).catch(() => {});
      throw error;
    }
  }

  /** Replaces records; call it within `alone`. */
  update(tenant: string, records: readonly CaptureRecord[]): Promise<void> {
    return this.#records.put(tenant, records);
  }

  /** The file of an image; undefined if the tenant has no such image. */
  async file(tenant: string, key: string): Promise<Buffer | undefined> {
    return (await this.#records.get(tenant, key)) ? this.#objects.get(`${tenant}/${key}`) : undefined;
  }

  /** Removes images. When it resolves, their files are removed. @returns the number of those that were there */
  remove(tenant: string, keys: readonly string[]): Promise<number> {
    return this.alone(tenant, async () => {
      const all = await this.#records.all(tenant);
      const there = keys.filter((key) => all.has(key));
      for (const key of there) await this.#objects.remove(`${tenant}/${key}`);
      await this.#records.remove(tenant, there);
      return there.length;
    });
  }

  /** Removes all images of a tenant, with files that have no record. @returns the number of records */
  removeAll(tenant: string): Promise<number> {
    return this.alone(tenant, async () => {
      const { size } = await this.#records.all(tenant);
      for await (const { key } of this.#objects.list(tenant)) await this.#objects.remove(key);
      await this.#records.removeAll(tenant);
      return size;
    });
  }

  /** Removes files that a crash has left without a record. @returns their number */
  async removeOrphans(now: number): Promise<number> {
    let removed = 0;
    for await (const { key, modified } of this.#objects.list()) {
      if (now - modified < ORPHAN_MS) continue;
      const [tenant = '', name = '', ...deeper] = key.split('/');
      // not of this store: pictures of examples are beside it
      if (deeper.length > 0) continue;
      if ((await this.#records.all(tenant)).has(name)) continue;
      await this.#objects.remove(key);
      removed++;
    }
    return removed;
  }
}
