import type { Tower } from '../engine/index.ts';

export interface FeatureKey {
  tower: Tower;
  templates: string[];
  /** Set for imported rows: they are used for one tenant only. */
  origin?: string;
}

/** Class features by bundle, templates, tower and class name. Each is computed once and shared between tenants. */
export interface FeatureCache {
  /** One row of unit length per name, or undefined where the cache has none. */
  get(key: FeatureKey, names: string[]): Promise<(Float32Array | undefined)[]>;
  /** The names without a row; reads no rows. */
  missing(key: FeatureKey, names: string[]): Promise<string[]>;
  /** rows [names * width]. When it resolves the rows survive a crash. */
  put(key: FeatureKey, names: string[], rows: Float32Array): Promise<void>;
}

/** A cache that is always empty. */
export const NO_CACHE: FeatureCache = {
  get: async (_key, names) => names.map(() => undefined),
  missing: async (_key, names) => names,
  put: async () => {},
};
