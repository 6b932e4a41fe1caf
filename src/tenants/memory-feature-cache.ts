import type { FeatureCache, FeatureKey } from './feature-cache.ts';
import { keyHasher } from './feature-rows.ts';

/** Features in memory, for one run of a command. */
export class MemoryFeatureCache implements FeatureCache {
  readonly #width: number;
  readonly #rows = new Map<string, Float32Array>();

  constructor(width: number) {
    this.#width = width;
  }

  async get(key: FeatureKey, names: string[]): Promise<(Float32Array | undefined)[]> {
    const hashOf = nameHasher(key);
    return names.map((name) => this.#rows.get(hashOf(name)));
  }

  async missing(key: FeatureKey, names: string[]): Promise<string[]> {
    const hashOf = nameHasher(key);
    return names.filter((name) => !this.#rows.has(hashOf(name)));
  }

  async put(key: FeatureKey, names: string[], rows: Float32Array): Promise<void> {
    const hashOf = nameHasher(key);
    for (const [i, name] of names.entries())
      this.#rows.set(hashOf(name), rows.slice(i * this.#width, (i + 1) * this.#width));
  }
}

function nameHasher(key: FeatureKey): (name: string) => string {
  const hashOf = keyHasher(key);
  return (name) => hashOf(name).toString('latin1');
}
