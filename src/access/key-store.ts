import type { KeyRecord } from './key-record.ts';

export interface DamagedKey {
  /** File or row of the key. */
  source: string;
  reason: string;
}

export interface StoredKeys {
  keys: KeyRecord[];
  /** Unreadable keys. They grant no access, but they count as keys, so that authentication stays on. */
  damaged: DamagedKey[];
}

export interface Revocation {
  record: KeyRecord;
  /** False if the key had been revoked before. */
  changed: boolean;
}

/**
 * Stores keys. When a write resolves, it survives a crash of process or machine. Several processes may use one store: the
 * command line writes while the service runs.
 */
export interface KeyStore {
  list(): Promise<StoredKeys>;
  add(record: KeyRecord): Promise<void>;
  /** Sets `revoked_at` where it is null. Undefined if there is no such key. */
  revoke(id: string, at: string): Promise<Revocation | undefined>;
  /** Times of last use, by id. */
  lastUsed(): Promise<Map<string, string>>;
  /** Stores times of last use; an earlier time never replaces a later one. */
  noteUsed(times: ReadonlyMap<string, string>): Promise<void>;
  /** Calls `onChange` within a second of a change. If the call fails, it is repeated at the next change or after a while. */
  watch(onChange: () => Promise<void>): void;
  close(): Promise<void>;
}
