import { setTimeout as sleep } from 'node:timers/promises';
import type { FeatureOptions, FeatureRequest, Head, HeadHost, TextFeatureBuilder } from '../../src/engine/index.ts';
import type { TenantRecord } from '../../src/tenants/definition.ts';
import type { FeatureCache, FeatureKey } from '../../src/tenants/feature-cache.ts';
import { type RegistryOptions, TenantRegistry } from '../../src/tenants/registry.ts';
import type { TenantStore } from '../../src/tenants/store.ts';

export class MemoryStore implements TenantStore {
  readonly records = new Map<string, TenantRecord>();
  seeded = true;
  async list() {
    return [...this.records.values()];
  }
  async get(id: string) {
    return this.records.get(id);
  }
  async put(record: TenantRecord) {
    await sleep(1);
    this.records.set(record.id, record);
  }
  async delete(id: string) {
    this.records.delete(id);
  }
  async unseeded() {
    return !this.seeded;
  }
  async markSeeded() {
    this.seeded = true;
  }
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
  async put(key: FeatureKey, names: string[], rows: Float32Array) {
    for (const [i, name] of names.entries())
      this.rows.set(JSON.stringify([key, name]), rows.slice(i * this.#width, (i + 1) * this.#width));
  }
}

/** Features that tell which name, tower and templates they came from; can be slowed down or made to fail. */
export class FakeBuilder implements TextFeatureBuilder {
  readonly built: string[] = [];
  delayMs = 0;
  failures: unknown[] = [];
  async build({ names, templates, tower }: FeatureRequest, { signal, onProgress }: FeatureOptions = {}) {
    const failure = this.failures.shift();
    if (failure) throw failure;
    for (let i = 0; i < names.length; i++) {
      if (this.delayMs > 0) await sleep(this.delayMs);
      signal?.throwIfAborted();
      onProgress?.((i + 1) * templates.length, names.length * templates.length);
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
  const registry = new TenantRegistry({
    store,
    cache,
    features: builder,
    heads,
    bundle: { id: 'm@1+abc', embeddingDim: 2, templates: { yes: ['a {}', 'the {}'], no: null } },
    unknownWords: (name) => name.split(/\W+/).filter((w) => w.startsWith('zz')),
    defaults: { method: 'ctw' },
    limits: { maxClasses: 10_000 },
    headGraceMs: 20,
    ...options,
  });
  return { registry, store, cache, builder, heads };
}
