import type { DecodedImage } from '../../images/decode.ts';
import type { Place } from '../shared/fair-queue.ts';
import type { CacheResult, Stage, Timing } from '../shared/types.ts';
import type { Batcher } from './batcher.ts';
import type { Embedding, EmbeddingCache } from './embedding-cache.ts';
import type { FairLimiter } from './fair-limiter.ts';

export interface EmbedderOptions {
  /** `readings`: as other programs read the file as well. */
  decode(bytes: Uint8Array, readings: boolean): Promise<DecodedImage>;
  decoding: FairLimiter;
  batcher: Batcher<Uint8Array, { feature: Float32Array; seconds: number }>;
  /** Undefined: every image is decoded and run, however often it is sent. */
  cache: EmbeddingCache | undefined;
}

export interface EmbedRequest {
  bytes: Uint8Array;
  sha256: string;
  /** The embeddings of other readings of the file are wanted too. */
  readings?: boolean;
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
type Submitted = Awaited<ReturnType<EmbedderOptions['batcher']['submit']>>;

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
    const { sha256, signal, readings = false } = request;
    signal.throwIfAborted();
    const { cache } = this.#options;
    if (!cache) return { ...(await this.#compute(request, () => request.deadline, signal)), cache: 'off' };
    const known = cache.get(sha256);
    if (known && (!readings || known.complete)) return { embedding: known, timing: NO_TIME, stages: [], cache: 'hit' };
    const key = readings ? `${sha256} in all readings` : sha256;
    const joined = this.#flights.get(key);
    const flight = joined ?? this.#begin(request, key);
    flight.deadline = Math.max(flight.deadline, request.deadline);
    const began = performance.now();
    const computed = await this.#board(flight, key, signal);
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

  #begin(request: EmbedRequest, key: string): Flight {
    const { deadline } = request;
    const abort = new AbortController();
    const flight: Flight = {
      waiting: 0,
      deadline,
      abort,
      done: this.#compute(request, () => flight.deadline, abort.signal),
    };
    this.#flights.set(key, flight);
    flight.done
      .catch(() => {})
      .finally(() => {
        if (this.#flights.get(key) === flight) this.#flights.delete(key);
      });
    return flight;
  }

  async #board(flight: Flight, key: string, signal: AbortSignal): Promise<Computed> {
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
        if (this.#flights.get(key) === flight) this.#flights.delete(key);
        flight.abort.abort(signal.reason);
      }
    }
  }

  async #compute(
    { bytes, sha256, place, readings = false }: EmbedRequest,
    deadline: () => number,
    signal: AbortSignal,
  ): Promise<Computed> {
    const { decode, decoding, batcher, cache } = this.#options;
    const arrived = performance.now();
    let began = arrived;
    const { pixels, others, contested, ...image } = await decoding.use(place, signal, () => {
      began = performance.now();
      return decode(bytes, readings);
    });
    const decoded = performance.now();
    const [{ result, queuedMs }, ...beside] = (await Promise.all(
      [pixels, ...others.map((other) => other.pixels)].map((p) => batcher.submit(p, { place, deadline, signal })),
    )) as [Submitted, ...Submitted[]];
    const embedding = {
      feature: result.feature,
      ...image,
      others: others.map(({ name }, i) => ({ reading: name, feature: (beside[i] as Submitted).result.feature })),
      complete: readings || !contested,
    };
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
