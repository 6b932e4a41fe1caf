/** A record of one tenant, under a key of its own. */
export interface Keyed {
  key: string;
}

/**
 * Small records of tenants: those of captured images, and labels. When a change resolves, it survives a crash of process or machine.
 * A change that fails leaves the records as they were, or, where its confirmation was lost, as the change wanted them.
 */
export interface RecordStore<T extends Keyed> {
  /** All records of a tenant, in the order in which their keys were first stored. Do not change the map. */
  all(tenant: string): Promise<ReadonlyMap<string, T>>;
  /** One record. */
  get(tenant: string, key: string): Promise<T | undefined>;
  count(tenant: string): Promise<number>;
  /** Stores records, in place of those with the same keys. All or none are stored. */
  put(tenant: string, records: readonly T[]): Promise<void>;
  /** Removes the records of these keys, as far as they exist. */
  remove(tenant: string, keys: readonly string[]): Promise<void>;
  /** Removes all records of a tenant. */
  removeAll(tenant: string): Promise<void>;
  /** Tenants that have records. */
  tenants(): Promise<string[]>;
}
