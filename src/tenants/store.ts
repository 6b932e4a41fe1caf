import type { StoredTenant, TenantRecord } from './record.ts';

/** Called with records that were written by any process, possibly repeatedly; their versions say which are new. */
export type OnChange = (stored: StoredTenant) => void;

/**
 * Stores definitions. When a write resolves, it survives a crash of process or machine. While the store is unreachable, every
 * method rejects with the code store_unavailable.
 */
export interface TenantStore {
  /** All tenants that are not removed, in no particular order. */
  list(): Promise<TenantRecord[]>;
  /** One tenant, or the tombstone of a removed one. */
  get(id: string): Promise<StoredTenant | undefined>;
  /** Stores `next` if the stored version is `replaces` (0: none); false if another writer was faster. */
  write(next: StoredTenant, replaces: number): Promise<boolean>;
  /** Stores the first tenant, once in the life of the store, so that it does not return after removal. False if done before. */
  seed(record: TenantRecord): Promise<boolean>;
  /** Reports changes of other processes since `list`, within about a second. */
  subscribe(onChange: OnChange): void;
  close(): Promise<void>;
}
