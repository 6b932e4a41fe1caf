import { Type } from 'typebox';
import { ServiceError } from '../errors/index.ts';
import { inWords } from '../errors/schema-words.ts';
import { validatorOf } from '../validator.ts';
import { idOf, isKey, makeKey } from './api-key.ts';
import { KeyLimits, KeyName, type KeyRecord, stateOf } from './key-record.ts';
import type { KeyStore, Revocation, StoredKeys } from './key-store.ts';
import { EVERYBODY, type Principal, principalOf } from './principal.ts';
import { checkScopes } from './scopes.ts';

/**
 * `off`: no request needs a key. `keys`: every request needs one. `auto`: every request needs one as soon as a key exists,
 * until the process ends, even if that key is removed.
 */
export type AuthMode = 'auto' | 'keys' | 'off';

export interface KeyringOptions {
  store: KeyStore;
  mode: AuthMode;
  log: (level: 'info' | 'warn' | 'error', details: object, message: string) => void;
  /** Milliseconds since 1970. */
  now?: () => number;
  /** Interval at which times of last use are written, milliseconds. */
  noteEveryMs?: number;
}

export interface KeyWish {
  name: string;
  scopes: string[];
  /** RFC 3339, in the future; null never expires. */
  expiresAt: string | null;
  limits: KeyLimits;
}

const wellFormed = validatorOf(Type.Object({ name: KeyName, limits: KeyLimits }), { allErrors: true, verbose: true });

/** @throws ServiceError invalid_request */
function checkShape(name: string, limits: KeyLimits): void {
  if (wellFormed({ name, limits })) return;
  const faults = inWords(wellFormed.errors).map((e) => `${e.instancePath.slice(1)} ${e.message}`);
  throw new ServiceError('invalid_request', `The key is not valid: ${faults.join('; ')}.`);
}

const NOTE_EVERY_MS = 10_000;

interface Held {
  record: KeyRecord;
  principal: Principal;
}

/** The keys in memory. Requests are checked against them, so that authentication works while the store does not. */
export class Keyring {
  readonly #options: KeyringOptions;
  readonly #now: () => number;
  #held = new Map<string, Held>();
  #damaged = '';
  /** Number of this process's own writes. */
  #writes = 0;
  #required: boolean;
  #lastUsed = new Map<string, string>();
  #unnoted = new Map<string, string>();
  #noting: Promise<void> = Promise.resolve();
  #noteFailed = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: KeyringOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#required = options.mode === 'keys';
  }

  /** Whether requests need a key now. */
  get required(): boolean {
    return this.#required;
  }

  /** Reads the keys and starts watching them; changes take effect within a second. */
  async start(): Promise<void> {
    await this.#read();
    this.#lastUsed = await this.#options.store.lastUsed();
    this.#options.store.watch(() => this.#read());
    this.#timer = setInterval(() => void this.#note(), this.#options.noteEveryMs ?? NOTE_EVERY_MS);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#note();
    await this.#options.store.close();
  }

  /**
   * The owner of this key; undefined where no key was sent.
   * @throws ServiceError unauthenticated: the same answer for every fault of the key
   */
  authenticate(key: string | undefined): Principal {
    if (!this.#required) return EVERYBODY;
    if (key === undefined) {
      throw new ServiceError(
        'unauthenticated',
        'This needs an API key: send Authorization: Bearer clipn_... or x-api-key: clipn_...',
      );
    }
    const held = this.#held.get(idOf(key) ?? '');
    const now = this.#now();
    if (!isKey(key, held?.record.hash) || !held || stateOf(held.record, now) !== 'active') {
      throw new ServiceError('unauthenticated', 'The API key is not valid: unknown, expired or revoked.', {
        internal: held ? `key ${held.record.id} is ${stateOf(held.record, now)} or the secret is wrong` : 'no such key',
      });
    }
    this.#unnoted.set(held.record.id, new Date(now).toISOString());
    return held.principal;
  }

  /** @throws ServiceError invalid_request */
  async create({ name, scopes, expiresAt, limits }: KeyWish, by: string): Promise<{ key: string; record: KeyRecord }> {
    checkScopes(scopes);
    checkShape(name, limits);
    const now = this.#now();
    if (expiresAt !== null && !(Date.parse(expiresAt) > now)) {
      throw new ServiceError('invalid_request', 'The expiry of the key is not a valid time, or has passed.');
    }
    const { id, key, hash } = makeKey();
    const record: KeyRecord = {
      id,
      hash,
      name,
      scopes: [...new Set(scopes)],
      limits,
      created_at: new Date(now).toISOString(),
      created_by: by,
      expires_at: expiresAt === null ? null : new Date(expiresAt).toISOString(),
      revoked_at: null,
    };
    await this.#options.store.add(record);
    this.#writes++;
    this.#hold(record);
    return { key, record };
  }

  /** When this resolves, the key is revoked here; in other processes within a second. Undefined if there is no such key. */
  async revoke(id: string): Promise<Revocation | undefined> {
    const at = new Date(this.#now()).toISOString();
    const revocation = await this.#options.store.revoke(id, at);
    this.#writes++;
    if (revocation) this.#hold(revocation.record);
    return revocation;
  }

  /** In order of creation. */
  list(): KeyRecord[] {
    const records = [...this.#held.values()].map((h) => h.record);
    return records.sort((a, b) => (a.created_at + a.id < b.created_at + b.id ? -1 : 1));
  }

  lastUsed(id: string): string | null {
    return this.#unnoted.get(id) ?? this.#lastUsed.get(id) ?? null;
  }

  #hold(record: KeyRecord): void {
    const principal = principalOf(record.id, record.name, record.scopes, record.limits);
    this.#held.set(record.id, { record, principal });
    this.#require();
  }

  #require(): void {
    if (this.#required || this.#options.mode !== 'auto') return;
    this.#required = true;
    this.#options.log('warn', {}, 'the first API key exists; requests need a key from now on');
  }

  async #read(): Promise<void> {
    let stored: StoredKeys;
    let writes: number;
    do {
      // keys that were read before a write of this process are out of date
      writes = this.#writes;
      stored = await this.#options.store.list();
    } while (writes !== this.#writes);
    const { keys, damaged } = stored;
    const before = this.#held;
    this.#held = new Map();
    for (const record of keys) {
      const old = before.get(record.id);
      // an unchanged key keeps its principal, because limits count by that object
      if (old && JSON.stringify(old.record) === JSON.stringify(record)) this.#held.set(record.id, old);
      else this.#hold(record);
    }
    if (damaged.length > 0) this.#require();
    const text = JSON.stringify(damaged);
    if (text !== this.#damaged && damaged.length > 0) {
      this.#options.log('error', { damaged }, 'API keys that cannot be read grant no access');
    }
    this.#damaged = text;
  }

  #note(): Promise<void> {
    this.#noting = this.#noting.then(async () => {
      if (this.#unnoted.size === 0) return;
      const times = this.#unnoted;
      this.#unnoted = new Map();
      for (const [id, at] of times) this.#lastUsed.set(id, at);
      try {
        await this.#options.store.noteUsed(times);
        this.#noteFailed = false;
      } catch (error) {
        // the times are written at the next interval, except for keys that were used again
        for (const [id, at] of times) if (!this.#unnoted.has(id)) this.#unnoted.set(id, at);
        if (!this.#noteFailed)
          this.#options.log('warn', { err: error }, 'times of last use of API keys could not be written');
        this.#noteFailed = true;
      }
    });
    return this.#noting;
  }
}
