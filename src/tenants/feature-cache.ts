import type { Tower } from '../engine/index.ts';

export interface FeatureKey {
  tower: Tower;
  templates: string[];
  /** Rows that came from elsewhere with one tenant and are that tenant's own: nobody else is judged by them. */
  origin?: string;
}

/** Class features that were computed once, by (bundle, templates, tower, class name); shared between tenants. */
export interface FeatureCache {
  /** One row of unit length per name, or undefined where it is not known. */
  get(key: FeatureKey, names: string[]): Promise<(Float32Array | undefined)[]>;
  /** The names that have no row, without reading any. */
  missing(key: FeatureKey, names: string[]): Promise<string[]>;
  /** rows [names * width]. When it resolves the rows survive a crash. */
  put(key: FeatureKey, names: string[], rows: Float32Array): Promise<void>;
}

/** Where features are computed every time. */
export const NO_CACHE: FeatureCache = {
  get: async (_key, names) => names.map(() => undefined),
  missing: async (_key, names) => names,
  put: async () => {},
};
