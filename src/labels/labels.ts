import { ServiceError } from '../errors/index.ts';
import type { RecordStore } from '../storage/records/record-store.ts';
import type { LabelRecord } from './label-record.ts';

/** Most labels of a tenant. */
const MAX_LABELS = 100_000;

/** The labels of all tenants. A label that was acknowledged survives a crash. */
export class Labels {
  readonly #store: RecordStore<LabelRecord>;

  constructor(store: RecordStore<LabelRecord>) {
    this.#store = store;
  }

  /** Of one tenant, by SHA-256, in the order in which images were first labelled. */
  all(tenant: string): Promise<ReadonlyMap<string, LabelRecord>> {
    return this.#store.all(tenant);
  }

  tenants(): Promise<string[]> {
    return this.#store.tenants();
  }

  /** Stores labels, in place of earlier ones of the same images. @throws ServiceError labels_full, store_unavailable */
  async put(tenant: string, records: readonly LabelRecord[]): Promise<void> {
    if ((await this.#store.count(tenant)) + records.length > MAX_LABELS) {
      throw new ServiceError(
        'labels_full',
        `A tenant may have at most ${MAX_LABELS} labels. Export them and remove old ones.`,
      );
    }
    await stored(this.#store.put(tenant, records));
  }

  /** Removes the label of an image; false if it has none. @throws ServiceError store_unavailable */
  async remove(tenant: string, key: string): Promise<boolean> {
    if (!(await this.#store.get(tenant, key))) return false;
    await stored(this.#store.remove(tenant, [key]));
    return true;
  }

  /** Removes all labels of a tenant. */
  forget(tenant: string): Promise<void> {
    return this.#store.removeAll(tenant);
  }
}

/** A full or broken disk becomes an error that a client can understand. */
async function stored(change: Promise<void>): Promise<void> {
  try {
    await change;
  } catch (error) {
    if (error instanceof ServiceError) throw error;
    throw new ServiceError(
      'store_unavailable',
      'Labels cannot be stored now. Nothing was changed; send the request again.',
      {
        internal: String((error as Error).message),
        cause: error,
        retryAfterSeconds: 5,
      },
    );
  }
}
