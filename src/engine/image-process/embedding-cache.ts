import { LRUCache } from 'lru-cache';
import type { ImageFormat } from '../../images/format.ts';

/** What the model says of an image, whoever asks: scored per tenant. */
export interface Embedding {
  /** Unit length, float32 [D]. */
  feature: Float32Array;
  width: number;
  height: number;
  format: ImageFormat;
  /** Pictures in the file, of which the first counts. */
  frames: number;
  /** The same file as other programs read it, where they see something else and somebody asked. */
  others: { reading: string; feature: Float32Array }[];
  /** Whether `others` are all that there are. */
  complete: boolean;
}

/** Of an entry beside its feature: key, object and the cache's own links. */
const OVERHEAD_BYTES = 400;

/**
 * Embeddings of images that came before, by SHA-256 of their bytes; the least recently used leave first. One engine process has
 * one bundle and one transform, and its cache ends with it, so neither is part of the key.
 */
export class EmbeddingCache {
  readonly #cache: LRUCache<string, Embedding>;

  /** @param maxSize bytes, at least 1 */
  constructor(maxSize: number) {
    this.#cache = new LRUCache({
      maxSize,
      sizeCalculation: (e) => (1 + e.others.length) * (e.feature.byteLength + OVERHEAD_BYTES),
    });
  }

  get(sha256: string): Embedding | undefined {
    return this.#cache.get(sha256);
  }

  set(sha256: string, embedding: Embedding): void {
    // copies: features are views of their whole batch
    const others = embedding.others.map((other) => ({ ...other, feature: other.feature.slice() }));
    this.#cache.set(sha256, { ...embedding, others, feature: embedding.feature.slice() });
  }

  get bytes(): number {
    return this.#cache.calculatedSize;
  }
}
