import type { KeyRecord } from './key-record.ts';

export interface DamagedKey {
  /** Where it is. */
  source: string;
  reason: string;
}

export interface StoredKeys {
  keys: KeyRecord[];
  /** Keys that can't be read: they open nothing, but they are keys: authentication stays on. */
  damaged: DamagedKey[];
}

export interface Revocation {
  record: KeyRecord;
  /** False where it was revoked already. */
  changed: boolean;
}

/**
 * Where keys are kept. When a write resolves, it survives a crash of process or machine. Several processes may use one store:
 * the command line writes while the service runs.
 */
export interface KeyStore {
  list(): Promise<StoredKeys>;
  add(record: KeyRecord): Promise<void>;
  /** Sets `revoked_at` where it is null. Undefined where there is no such key. */
  revoke(id: string, at: string): Promise<Revocation | undefined>;
  /** When keys were last used, by id. */
  lastUsed(): Promise<Map<string, string>>;
  /** Notes uses; an earlier time never replaces a later one. */
  noteUsed(times: ReadonlyMap<string, string>): Promise<void>;
  /** Calls back within a second after keys have changed. What it calls may fail: it is called again at the next change or a while later. */
  watch(onChange: () => Promise<void>): void;
  close(): Promise<void>;
}
