import type { TenantRecord } from './definition.ts';

/** Where definitions are kept. When a write resolves, it survives a crash of process or machine. */
export interface TenantStore {
  list(): Promise<TenantRecord[]>;
  get(id: string): Promise<TenantRecord | undefined>;
  put(record: TenantRecord): Promise<void>;
  delete(id: string): Promise<void>;
  /** True until `markSeeded`: whether the demo tenant is still to be made. Deleting it later must not bring it back. */
  unseeded(): Promise<boolean>;
  markSeeded(): Promise<void>;
}
