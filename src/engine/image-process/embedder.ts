import type { Orientation } from '../../images/decode.ts';
import type { Place } from '../shared/fair-queue.ts';
import type { CacheResult, Stage, Timing } from '../shared/types.ts';
import type { Embedding, EmbeddingCache } from './embedding-cache.ts';
import type { SubmitOptions } from './lanes/lanes.ts';
import type { ImageFacts } from './lanes/protocol.ts';

export interface EmbedderOptions {
  /** Decodes a file and runs it, in the engine's lanes. */
  judge(job: ImageJob, options: SubmitOptions): Promise<Judged>;
  /** Undefined: every image is decoded and run, however often it is sent. */
  cache: EmbeddingCache | undefined;
}

export interface ImageJob {
  bytes: Uint8Array;
  sha256: string;
  /** As other programs read the file as well. */
  readings: boolean;
  orientation: Orientation;
}

export interface Judged {
  facts?: ImageFacts;
  /** Readings of the file behind the first one. */
  others: string[];
  /** Of each reading, the main one first. */
  features: Float32Array[];
  /** When its decoding began and ended and when its run began, on the clock of `performance.now`. */
  began: number;
  decoded: number;
  running: number;
  /** Time of the run. */
  seconds: number;
}

export interface EmbedRequest extends Omit<ImageJob, 'readings' | 'orientation'> {
  /** The embeddings of other readings of the file are wanted too. */
  readings?: boolean;
  /** `apply` where nothing is said. */
  orientation?: Orientation;
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
    const { signal, readings = false } = request;
    const name = cacheName(request);
    signal.throwIfAborted();
    const { cache } = this.#options;
    if (!cache) return { ...(await this.#compute(request, () => request.deadline, signal)), cache: 'off' };
    const known = cache.get(name);
    if (known && (!readings || known.complete)) return { embedding: known, timing: NO_TIME, stages: [], cache: 'hit' };
    const key = readings ? `${name} in all readings` : name;
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
    // a free lane asks for the deadline at once
    const passengers = { waiting: 0, deadline, abort };
    const done = this.#compute(request, () => passengers.deadline, abort.signal);
    const flight: Flight = Object.assign(passengers, { done });
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

  async #compute(request: EmbedRequest, deadline: () => number, signal: AbortSignal): Promise<Computed> {
    const { judge, cache } = this.#options;
    const { bytes, sha256, place, readings = false, orientation = 'apply' } = request;
    const arrived = performance.now();
    const job = { bytes, sha256, readings, orientation };
    const judged = await judge(job, { place, deadline, signal });
    const { features, others, began, decoded, running, seconds } = judged;
    const { contested, ...image } = judged.facts as ImageFacts;
    const embedding = {
      feature: features[0] as Float32Array,
      ...image,
      others: others.map((reading, i) => ({ reading, feature: features[i + 1] as Float32Array })),
      complete: readings || !contested,
    };
    cache?.set(cacheName(request), embedding);
    const timing = {
      decode: decoded - began,
      queue: began - arrived + (running - decoded),
      inference: seconds * 1000,
    };
    const stages = [
      { name: 'queue', start: arrived, end: began },
      { name: 'decode', start: began, end: decoded },
      { name: 'queue', start: decoded, end: running },
      { name: 'inference', start: running, end: performance.now() },
    ];
    return { embedding, timing, stages };
  }
}

/** An image that is turned by its tag is another one than the same file as it lies. */
const cacheName = ({ sha256, orientation = 'apply' }: EmbedRequest) =>
  orientation === 'apply' ? sha256 : `${sha256} as it lies`;
