import type { StoredTenant, TenantRecord } from './record.ts';

/** Told of what other processes have written. May be told twice, and of the caller's own writes: versions say what is new. */
export type OnChange = (stored: StoredTenant) => void;

/**
 * Where definitions are kept. When a write resolves, it survives a crash of process or machine. Where the store is out of reach,
 * every method rejects with the code store_unavailable.
 */
export interface TenantStore {
  /** All tenants that are not removed, in no particular order. */
  list(): Promise<TenantRecord[]>;
  /** One tenant, or what is left of a removed one. */
  get(id: string): Promise<StoredTenant | undefined>;
  /** Stores `next` if the version stored now is `replaces` (0: nothing is); false when somebody else was faster. */
  write(next: StoredTenant, replaces: number): Promise<boolean>;
  /** Stores the first tenant, once in the life of the store: removed later, it does not come back. False when that has been. */
  seed(record: TenantRecord): Promise<boolean>;
  /** From `list` on, changes made by other processes are told, each within a second or so of its being made. */
  subscribe(onChange: OnChange): void;
  close(): Promise<void>;
}
