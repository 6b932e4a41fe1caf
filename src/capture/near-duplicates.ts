import { LRUCache } from 'lru-cache';

/** Cosine from which two images are nearly equal. */
const NEARLY_EQUAL = 0.98;
/** Images of one tenant with which a new one is compared: the newest. */
const MAX_IMAGES = 1000;
const MAX_TENANTS = 64;
/** Steps of a component in a signed byte; the cosine of two quantised vectors is off by less than 0.005. */
const STEPS = 127;

interface Kept {
  stratum: string;
  steps: Int8Array;
}

/**
 * Embeddings of the images that this process has kept most recently, to recognise images that are nearly equal to one of them, such
 * as the frames of a fixed camera. They are not stored.
 */
export class NearDuplicates {
  readonly #tenants = new LRUCache<string, Map<string, Kept>>({ max: MAX_TENANTS });

  /** The kept image of the same group that is nearest to this embedding, if it is nearly equal. */
  nearest(tenant: string, stratum: string, embedding: Float32Array): string | undefined {
    const steps = quantised(embedding);
    let best: string | undefined;
    let highest = NEARLY_EQUAL * norm(steps);
    for (const [key, kept] of this.#tenants.get(tenant) ?? []) {
      if (kept.stratum !== stratum) continue;
      const closeness = dot(steps, kept.steps) / norm(kept.steps);
      if (closeness >= highest) [highest, best] = [closeness, key];
    }
    return best;
  }

  add(tenant: string, stratum: string, key: string, embedding: Float32Array): void {
    const images = this.#tenants.get(tenant) ?? new Map<string, Kept>();
    this.#tenants.set(tenant, images);
    images.set(key, { stratum, steps: quantised(embedding) });
    const [oldest] = images.keys();
    if (images.size > MAX_IMAGES && oldest !== undefined) images.delete(oldest);
  }

  remove(tenant: string, key: string): void {
    this.#tenants.get(tenant)?.delete(key);
  }

  forget(tenant: string): void {
    this.#tenants.delete(tenant);
  }
}

/** The vector in signed bytes, scaled by its largest component. */
function quantised(vector: Float32Array): Int8Array {
  let largest = 0;
  for (const value of vector) largest = Math.max(largest, Math.abs(value));
  return Int8Array.from(vector, (value) => Math.round((STEPS * value) / (largest || 1)));
}

function dot(a: Int8Array, b: Int8Array): number {
  if (a.length !== b.length) return 0;
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}

const norm = (a: Int8Array): number => Math.sqrt(dot(a, a)) || 1;
