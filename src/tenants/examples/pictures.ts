import { ServiceError } from '../../errors/index.ts';
import { KeyedLock } from '../../storage/keyed-lock.ts';
import type { ObjectStore } from '../../storage/objects/object-store.ts';
import { picturesOf, type StoredExamples } from './stored.ts';

/** A picture that no example has is removed at this age: until then the record that names it may be about to be stored. */
const ORPHAN_MS = 3_600_000;

/**
 * The pictures of examples, where their owner wanted them kept. The record of the tenant says which examples have one: a picture is stored
 * before the record that names it, and is never shown without one.
 */
export class ExamplePictures {
  readonly #objects: ObjectStore;
  readonly #locks = new KeyedLock();

  constructor(objects: ObjectStore) {
    this.#objects = objects;
  }

  /** Runs `work` alone among the changes of a tenant's examples in this process. */
  alone<T>(tenant: string, work: () => Promise<T>): Promise<T> {
    return this.#locks.run(tenant, work);
  }

  /** When it resolves, the picture survives a crash. @throws ServiceError store_unavailable */
  async put(tenant: string, sha256: string, bytes: Uint8Array): Promise<void> {
    await this.#objects.put(`${tenant}/${sha256}`, bytes).catch((cause) => {
      throw unavailable('The pictures cannot be stored now. Nothing was changed; send the request again.', cause);
    });
  }

  /** Undefined where there is none, because it was removed or is kept in another place. */
  async get(tenant: string, sha256: string): Promise<Buffer | undefined> {
    return this.#objects.get(`${tenant}/${sha256}`).catch((cause) => {
      throw unavailable('The pictures cannot be read now.', cause);
    });
  }

  /** Removes those of `before` that no example has any more. @throws ServiceError store_unavailable */
  async removeUnused(tenant: string, before: Iterable<string>, after: StoredExamples | undefined): Promise<void> {
    const used = picturesOf(after);
    for (const sha256 of before) {
      if (used.has(sha256)) continue;
      await this.#objects.remove(`${tenant}/${sha256}`).catch((cause) => {
        const text =
          'The examples were removed. Their pictures cannot be removed now; the service tries again every hour.';
        throw unavailable(text, cause);
      });
    }
  }

  /** Removes all pictures of a tenant. */
  async forget(tenant: string): Promise<void> {
    for await (const { key } of this.#objects.list(tenant)) await this.#objects.remove(key);
  }

  /** Removes pictures that no example has, which a crash or an import may leave. @param examplesOf undefined for a tenant that is not known here */
  async sweep(examplesOf: (tenant: string) => Promise<StoredExamples | undefined>, now: number): Promise<void> {
    for await (const { key, modified } of this.#objects.list()) {
      const [tenant = '', sha256 = ''] = key.split('/');
      if (now - modified < ORPHAN_MS) continue;
      const examples = await examplesOf(tenant);
      if (examples && !picturesOf(examples).has(sha256)) await this.#objects.remove(key);
    }
  }
}

function unavailable(text: string, cause: unknown): ServiceError {
  const internal = String((cause as Error).message);
  return new ServiceError('store_unavailable', text, { internal, cause, retryAfterSeconds: 5 });
}
