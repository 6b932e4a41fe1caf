import { makeKey } from '../../src/access/api-key.ts';
import type {
  AuditEntry,
  AuditLog,
  AuthMode,
  DefaultLimits,
  KeyLimits,
  KeyRecord,
  KeyStore,
} from '../../src/access/index.ts';
import { Keyring, Limiter, Quotas } from '../../src/access/index.ts';

export class MemoryKeyStore implements KeyStore {
  readonly records = new Map<string, KeyRecord>();
  readonly used = new Map<string, string>();
  damaged: { source: string; reason: string }[] = [];
  /** Thrown by whatever is called. */
  failure: Error | undefined;
  /** Simulates a change by another process. */
  changed: () => Promise<void> = async () => {};
  #check() {
    if (this.failure) throw this.failure;
  }
  async list() {
    this.#check();
    return { keys: [...this.records.values()], damaged: this.damaged };
  }
  async add(record: KeyRecord) {
    this.#check();
    this.records.set(record.id, record);
  }
  async revoke(id: string, at: string) {
    this.#check();
    const record = this.records.get(id);
    if (!record) return undefined;
    if (record.revoked_at !== null) return { record, changed: false };
    const revoked = { ...record, revoked_at: at };
    this.records.set(id, revoked);
    return { record: revoked, changed: true };
  }
  async lastUsed() {
    return new Map(this.used);
  }
  async noteUsed(times: ReadonlyMap<string, string>) {
    this.#check();
    for (const [id, at] of times) this.used.set(id, at);
  }
  watch(onChange: () => Promise<void>) {
    this.changed = onChange;
  }
  async close() {}
}

export class MemoryAuditLog implements AuditLog {
  readonly entries: AuditEntry[] = [];
  async append(entry: AuditEntry) {
    this.entries.push(entry);
  }
  async read({ limit, target }: { limit: number; target?: string | undefined }) {
    const newest = this.entries.toReversed().filter((e) => target === undefined || e.target === target);
    return { entries: newest.slice(0, limit), next: null };
  }
}

/** A stored key whose secret is not known. */
export function keyRecord(fields: Partial<KeyRecord> = {}): KeyRecord {
  const { id, hash } = makeKey();
  return {
    id,
    hash,
    name: 'a key',
    scopes: ['admin'],
    limits: {},
    created_at: '2026-01-01T00:00:00.000Z',
    created_by: 'test',
    expires_at: null,
    revoked_at: null,
    ...fields,
  };
}

export const NO_LIMITS: DefaultLimits = {
  keyImagesPerSecond: 0,
  keyConcurrentRequests: 0,
  tenantImagesPerSecond: 0,
  tenantConcurrentImages: 0,
};

export interface FakeAccessOptions {
  mode?: AuthMode;
  limits?: Partial<DefaultLimits>;
  /** Milliseconds, for expiry and for buckets. */
  now?: () => number;
}

/** Keys, limits and audit log in memory. `key` makes a key and gives the header that carries it. */
export async function fakeAccess({ mode = 'off', limits = {}, now = Date.now }: FakeAccessOptions = {}) {
  const store = new MemoryKeyStore();
  const keyring = new Keyring({ store, mode, log: () => {}, now });
  await keyring.start();
  const audit = new MemoryAuditLog();
  const limiter = new Limiter({ ...NO_LIMITS, ...limits }, now);
  const key = async (scopes: string[], keyLimits: KeyLimits = {}, expiresAt: string | null = null) => {
    const made = await keyring.create({ name: scopes.join(), scopes, expiresAt, limits: keyLimits }, 'test');
    return { id: made.record.id, key: made.key, headers: { authorization: `Bearer ${made.key}` } };
  };
  return { store, keyring, audit, limiter, quotas: new Quotas(), key };
}

export type FakeAccess = Awaited<ReturnType<typeof fakeAccess>>;
