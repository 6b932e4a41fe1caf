import type { DecodedImage } from '../images/decode.ts';
import type { Place } from './admission/fair-queue.ts';
import type { Batcher } from './batcher.ts';
import type { Embedding, EmbeddingCache } from './embedding-cache.ts';
import type { FairLimiter } from './fair-limiter.ts';
import type { CacheResult, Stage, Timing } from './types.ts';

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
  stages: Stage[];
  cache: CacheResult;
}

type Computed = Omit<Embedded, 'cache'>;

/** One image on its way, for everybody who has sent it: it is given up when the last of them has left. */
interface Flight {
  waiting: number;
  /** The latest of theirs. */
  deadline: number;
  abort: AbortController;
  done: Promise<Computed>;
}

const NO_TIME: Timing = { decode: 0, queue: 0, inference: 0 };

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
    if (known) return { embedding: known, timing: NO_TIME, stages: [], cache: 'hit' };
    const joined = this.#flights.get(sha256);
    const flight = joined ?? this.#begin(request);
    flight.deadline = Math.max(flight.deadline, request.deadline);
    const began = performance.now();
    const computed = await this.#board(flight, sha256, signal);
    if (!joined) return { ...computed, cache: 'miss' };
    const end = performance.now();
    const timing = { ...NO_TIME, queue: end - began };
    return {
      embedding: computed.embedding,
      timing,
      stages: [{ name: 'joined', start: began, end }],
      cache: 'joined',
    };
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

  async #board(flight: Flight, sha256: string, signal: AbortSignal): Promise<Computed> {
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
  ): Promise<Computed> {
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
    const timing = {
      decode: decoded - began,
      queue: began - arrived + queuedMs,
      inference: result.seconds * 1000,
    };
    const running = decoded + queuedMs;
    const stages = [
      { name: 'queue', start: arrived, end: began },
      { name: 'decode', start: began, end: decoded },
      { name: 'queue', start: decoded, end: running },
      { name: 'inference', start: running, end: performance.now() },
    ];
    return { embedding, timing, stages };
  }
}
