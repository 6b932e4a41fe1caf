import { LRUCache } from 'lru-cache';
import type { ImageFormat } from '../../images/format.ts';

/** The model's output for an image, before it is scored for a tenant. */
export interface Embedding {
  /** Unit length, float32 [D]; where the bundle has features of patches, those follow, float32 [1 + P, D]. */
  feature: Float32Array;
  width: number;
  height: number;
  format: ImageFormat;
  /** Number of pictures in the file, of which the first is embedded. */
  frames: number;
  /** The readings of other programs whose pixels differ, if a request asked for them. */
  others: { reading: string; feature: Float32Array }[];
  /** Whether `others` contains all other readings. */
  complete: boolean;
}

/** Memory of an entry beside its feature, bytes: key, object and the cache's own links. */
const OVERHEAD_BYTES = 400;

/**
 * Embeddings of earlier images, by SHA-256 of their bytes; the least recently used are removed first. An engine process has one bundle
 * and one transform, and its cache ends with it, so neither is part of the key.
 */
export class EmbeddingCache {
  readonly #cache: LRUCache<string, Embedding>;

  /** @param maxBytes at least 1 */
  constructor(maxBytes: number) {
    this.#cache = new LRUCache({
      maxSize: maxBytes,
      sizeCalculation: (e) => (1 + e.others.length) * (e.feature.byteLength + OVERHEAD_BYTES),
    });
  }

  get(sha256: string): Embedding | undefined {
    return this.#cache.get(sha256);
  }

  set(sha256: string, embedding: Embedding): void {
    // copies, because a feature is a view of the features of its whole batch
    const others = embedding.others.map((other) => ({ ...other, feature: other.feature.slice() }));
    this.#cache.set(sha256, { ...embedding, others, feature: embedding.feature.slice() });
  }

  get bytes(): number {
    return this.#cache.calculatedSize;
  }
}
