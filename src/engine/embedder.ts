import type { DecodedImage } from '../images/decode.ts';
import type { Place } from './admission/fair-queue.ts';
import type { Batcher } from './batcher.ts';
import type { Embedding, EmbeddingCache } from './embedding-cache.ts';
import type { FairLimiter } from './fair-limiter.ts';
import type { CacheResult, Timing } from './types.ts';

export interface EmbedderOptions {
  decode(bytes: Uint8Array): Promise<DecodedImage>;
  decoding: FairLimiter;
  batcher: Batcher<Uint8Array, { feature: Float32Array; seconds: number }>;
  /** Undefined: every image is decoded and run, however often it is sent. */
  cache: EmbeddingCache | undefined;
}

export interface EmbedRequest {
  bytes: Uint8Array;
  sha256: string;
  place: Place;
  /** On the clock of `performance.now`. */
  deadline: number;
  signal: AbortSignal;
}

export interface Embedded {
  embedding: Embedding;
  timing: Timing;
  cache: CacheResult;
}

/** One image on its way, for everybody who has sent it: it is given up when the last of them has left. */
interface Flight {
  waiting: number;
  /** The latest of theirs. */
  deadline: number;
  abort: AbortController;
  done: Promise<{ embedding: Embedding; timing: Timing }>;
}

/** Bytes to embedding: from the cache, together with others who have sent the same image, or decoded and run. */
export class Embedder {
  readonly #options: EmbedderOptions;
  readonly #flights = new Map<string, Flight>();

  constructor(options: EmbedderOptions) {
    this.#options = options;
  }

  /** Rejects with what is wrong with the image, deadline_exceeded, or the signal's reason: one who leaves leaves alone. */
  async embed(request: EmbedRequest): Promise<Embedded> {
    const { sha256, signal } = request;
    signal.throwIfAborted();
    const { cache } = this.#options;
    if (!cache) return { ...(await this.#compute(request, () => request.deadline, signal)), cache: 'off' };
    const known = cache.get(sha256);
    if (known) return { embedding: known, timing: { decode: 0, queue: 0, inference: 0 }, cache: 'hit' };
    const joined = this.#flights.get(sha256);
    const flight = joined ?? this.#begin(request);
    flight.deadline = Math.max(flight.deadline, request.deadline);
    const began = performance.now();
    const { embedding, timing } = await this.#board(flight, sha256, signal);
    if (!joined) return { embedding, timing, cache: 'miss' };
    return { embedding, timing: { decode: 0, queue: performance.now() - began, inference: 0 }, cache: 'joined' };
  }

  #begin(request: EmbedRequest): Flight {
    const { sha256, deadline } = request;
    const abort = new AbortController();
    const flight: Flight = {
      waiting: 0,
      deadline,
      abort,
      done: this.#compute(request, () => flight.deadline, abort.signal),
    };
    this.#flights.set(sha256, flight);
    flight.done
      .catch(() => {})
      .finally(() => {
        if (this.#flights.get(sha256) === flight) this.#flights.delete(sha256);
      });
    return flight;
  }

  async #board(flight: Flight, sha256: string, signal: AbortSignal): Promise<{ embedding: Embedding; timing: Timing }> {
    flight.waiting++;
    let leave = () => {};
    const left = new Promise<never>((_, reject) => {
      leave = () => reject(signal.reason);
      signal.addEventListener('abort', leave, { once: true });
    });
    try {
      return await Promise.race([flight.done, left]);
    } finally {
      signal.removeEventListener('abort', leave);
      if (--flight.waiting === 0) {
        // nobody is left: whoever sends it from now on begins anew
        if (this.#flights.get(sha256) === flight) this.#flights.delete(sha256);
        flight.abort.abort(signal.reason);
      }
    }
  }

  async #compute(
    { bytes, sha256, place }: EmbedRequest,
    deadline: () => number,
    signal: AbortSignal,
  ): Promise<{ embedding: Embedding; timing: Timing }> {
    const { decode, decoding, batcher, cache } = this.#options;
    const arrived = performance.now();
    let began = arrived;
    const { pixels, width, height, format } = await decoding.use(place, signal, () => {
      began = performance.now();
      return decode(bytes);
    });
    const decoded = performance.now();
    const { result, queuedMs } = await batcher.submit(pixels, { place, deadline, signal });
    const embedding = { feature: result.feature, width, height, format };
    cache?.set(sha256, embedding);
    const queue = began - arrived + queuedMs;
    return { embedding, timing: { decode: decoded - began, queue, inference: result.seconds * 1000 } };
  }
}
