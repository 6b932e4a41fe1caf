import { setTimeout as sleep } from 'node:timers/promises';
import type { FeatureOptions, FeatureRequest, Head, HeadHost, TextFeatureBuilder } from '../../src/engine/index.ts';
import type { FeatureCache, FeatureKey } from '../../src/tenants/feature-cache.ts';
import type { TenantModel } from '../../src/tenants/heads.ts';
import { isRecord, type StoredTenant, type TenantRecord } from '../../src/tenants/record.ts';
import { type RegistryOptions, TenantRegistry } from '../../src/tenants/registry.ts';
import type { OnChange, TenantStore } from '../../src/tenants/store.ts';

/** Shared by several registries it stands for a database. */
export class MemoryStore implements TenantStore {
  readonly stored = new Map<string, StoredTenant>();
  readonly #listeners: OnChange[] = [];
  seeded = true;
  /** Thrown by every operation while it is set. */
  failure: unknown;

  get records(): Map<string, TenantRecord> {
    return new Map([...this.stored].filter((entry): entry is [string, TenantRecord] => isRecord(entry[1])));
  }
  async list() {
    return [...this.records.values()];
  }
  async get(id: string) {
    if (this.failure) throw this.failure;
    return this.stored.get(id);
  }
  async write(next: StoredTenant, replaces: number) {
    if (this.failure) throw this.failure;
    await sleep(1);
    if ((this.stored.get(next.id)?.version ?? 0) !== replaces) return false;
    this.stored.set(next.id, next);
    for (const listener of this.#listeners) setImmediate(listener, next);
    return true;
  }
  async seed(record: TenantRecord) {
    if (this.seeded) return false;
    this.seeded = true;
    return this.write(record, 0);
  }
  subscribe(onChange: OnChange) {
    this.#listeners.push(onChange);
  }
  async close() {}
}

export class MemoryCache implements FeatureCache {
  readonly rows = new Map<string, Float32Array>();
  readonly #width: number;
  constructor(width: number) {
    this.#width = width;
  }
  async get(key: FeatureKey, names: string[]) {
    return names.map((name) => this.rows.get(JSON.stringify([key, name])));
  }
  async missing(key: FeatureKey, names: string[]) {
    return names.filter((name) => !this.rows.has(JSON.stringify([key, name])));
  }
  async put(key: FeatureKey, names: string[], rows: Float32Array) {
    for (const [i, name] of names.entries())
      this.rows.set(JSON.stringify([key, name]), rows.slice(i * this.#width, (i + 1) * this.#width));
  }
}

/** Features that show which name, tower and templates they came from; can be slowed down or made to fail. */
export class FakeBuilder implements TextFeatureBuilder {
  readonly built: string[] = [];
  delayMs = 0;
  failures: unknown[] = [];
  /** Builds that have begun and not ended. */
  running = 0;
  #allowed = Number.POSITIVE_INFINITY;
  #held: Promise<void> = Promise.resolve();

  /** Holds up every build once `names` more names are encoded, until the returned function is called. */
  hold(names = 0): () => void {
    let open = () => {};
    this.#allowed = names;
    this.#held = new Promise((resolve) => {
      open = resolve;
    });
    return () => {
      this.#allowed = Number.POSITIVE_INFINITY;
      open();
    };
  }

  async #step(signal: AbortSignal | undefined): Promise<void> {
    if (this.delayMs > 0) await sleep(this.delayMs);
    if (this.#allowed <= 0) {
      // a signal that has fired already fires no more
      signal?.throwIfAborted();
      const aborted = new Promise<void>((resolve) =>
        signal?.addEventListener('abort', () => resolve(), { once: true }),
      );
      await Promise.race([this.#held, aborted]);
    }
    this.#allowed--;
    signal?.throwIfAborted();
  }

  async build({ names, templates, tower }: FeatureRequest, { signal, onProgress }: FeatureOptions = {}) {
    const failure = this.failures.shift();
    if (failure) throw failure;
    this.running++;
    try {
      for (let i = 0; i < names.length; i++) {
        await this.#step(signal);
        onProgress?.((i + 1) * templates.length, names.length * templates.length);
      }
    } finally {
      this.running--;
    }
    this.built.push(...names.map((n) => `${tower}:${n}`));
    return Float32Array.from(names.flatMap((n) => [n.length, tower === 'yes' ? 1 : -1]));
  }
}

export class FakeHeads implements HeadHost {
  readonly heads = new Map<string, Head>();
  async putHead(id: string, head: Head) {
    this.heads.set(id, head);
  }
  async dropHead(id: string) {
    this.heads.delete(id);
  }
}

export function fakeRegistry(options: Partial<RegistryOptions> = {}) {
  const store = new MemoryStore();
  const cache = new MemoryCache(2);
  const builder = new FakeBuilder();
  const heads = new FakeHeads();
  const model: TenantModel = {
    cache,
    features: builder,
    heads,
    bundle: {
      id: 'm@1+abc',
      wholeId: 'm@1+abc+image',
      imageDirections: Float32Array.from([1, 0]),
      name: 'fake',
      version: '1.2.3',
      embeddingDim: 2,
      templates: { yes: ['a {}', 'the {}'], no: null },
    },
    unknownWords: (name) => name.split(/\W+/).filter((w) => w.startsWith('zz')),
    cutNames: (names, templates) => names.filter((name) => templates.some((t) => t.length - 2 + name.length > 40)),
  };
  const registry = new TenantRegistry({
    ...model,
    store,
    defaults: { method: 'ctw' },
    limits: { maxClasses: 10_000 },
    headGraceMs: 20,
    ...options,
  });
  return { registry, store, cache, builder, heads, model };
}
