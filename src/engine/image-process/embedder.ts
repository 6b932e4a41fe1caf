import type { Orientation } from '../../images/decode.ts';
import type { Place } from '../shared/fair-queue.ts';
import type { CacheResult, Stage, Timing } from '../shared/types.ts';
import type { Embedding, EmbeddingCache } from './embedding-cache.ts';
import type { SubmitOptions } from './lanes/lanes.ts';
import type { ImageFacts } from './lanes/protocol.ts';

export interface EmbedderOptions {
  /** Decodes a file and runs it, in the engine's lanes. */
  encode(job: ImageJob, options: SubmitOptions): Promise<Encoded>;
  /** If undefined, an image that is sent again is decoded and run again. */
  cache: EmbeddingCache | undefined;
}

export interface ImageJob {
  bytes: Uint8Array;
  sha256: string;
  /** Whether the other readings of the file are run too (images/readings.ts). */
  readings: boolean;
  orientation: Orientation;
}

export interface Encoded {
  facts?: ImageFacts;
  /** Names of the other readings, in the order of their features. */
  others: string[];
  /** One for each reading, the main reading first. */
  features: Float32Array[];
  /** Begin and end of the decoding, and begin of the run, on the clock of `performance.now`. */
  began: number;
  decoded: number;
  running: number;
  /** Duration of the run. */
  seconds: number;
}

export interface EmbedRequest extends Omit<ImageJob, 'readings' | 'orientation'> {
  /** Whether the embeddings of the other readings of the file are needed too. */
  readings?: boolean;
  /** `apply` by default. */
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

/** The computation of one image, shared by all requests with that image. It is cancelled when no request waits for it any more. */
interface SharedComputation {
  /** Number of requests that wait for it. */
  waiting: number;
  /** The latest deadline of these requests. */
  deadline: number;
  abort: AbortController;
  /** Whether the computation has a result. */
  settled: boolean;
  done: Promise<Computed>;
}

const NO_TIME: Timing = { decode: 0, queue: 0, inference: 0 };

/** Image bytes to embedding: from the cache, from a computation in progress of the same image, or by decoding and running it. */
export class Embedder {
  readonly #options: EmbedderOptions;
  readonly #inProgress = new Map<string, SharedComputation>();

  constructor(options: EmbedderOptions) {
    this.#options = options;
  }

  /** Rejects with the error of the image, with deadline_exceeded, or with the signal's reason; other requests for the same image continue. */
  async embed(request: EmbedRequest): Promise<Embedded> {
    const { signal, readings = false } = request;
    const name = cacheName(request);
    signal.throwIfAborted();
    const { cache } = this.#options;
    if (!cache) return { ...(await this.#compute(request, () => request.deadline, signal)), cache: 'off' };
    const known = cache.get(name);
    if (known && (!readings || known.complete)) return { embedding: known, timing: NO_TIME, stages: [], cache: 'hit' };
    const key = readings ? `${name} in all readings` : name;
    const joined = this.#inProgress.get(key);
    const shared = joined ?? this.#begin(request, key);
    shared.deadline = Math.max(shared.deadline, request.deadline);
    const began = performance.now();
    const computed = await this.#join(shared, key, signal);
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

  #begin(request: EmbedRequest, key: string): SharedComputation {
    const { deadline } = request;
    const abort = new AbortController();
    // a free lane reads the deadline at once, before this function returns
    const begun = { waiting: 0, deadline, abort, settled: false };
    const done = this.#compute(request, () => begun.deadline, abort.signal).then((computed) => {
      begun.settled = true;
      return computed;
    });
    const shared: SharedComputation = Object.assign(begun, { done });
    this.#inProgress.set(key, shared);
    shared.done
      .catch(() => {})
      .finally(() => {
        if (this.#inProgress.get(key) === shared) this.#inProgress.delete(key);
      });
    return shared;
  }

  async #join(shared: SharedComputation, key: string, signal: AbortSignal): Promise<Computed> {
    shared.waiting++;
    let leave = () => {};
    const left = new Promise<never>((_, reject) => {
      leave = () => reject(signal.reason);
      signal.addEventListener('abort', leave, { once: true });
    });
    try {
      return await Promise.race([shared.done, left]);
    } finally {
      signal.removeEventListener('abort', leave);
      if (--shared.waiting === 0) {
        // no request waits any more: a later one must not join the cancelled computation
        if (this.#inProgress.get(key) === shared) this.#inProgress.delete(key);
        // an abort without a listener still makes an error with a stack, for every image
        if (!shared.settled) shared.abort.abort(signal.reason);
      }
    }
  }

  async #compute(request: EmbedRequest, deadline: () => number, signal: AbortSignal): Promise<Computed> {
    const { encode, cache } = this.#options;
    const { bytes, sha256, place, readings = false, orientation = 'apply' } = request;
    const arrived = performance.now();
    const job = { bytes, sha256, readings, orientation };
    const encoded = await encode(job, { place, deadline, signal });
    const { features, others, began, decoded, running, seconds } = encoded;
    const { contested, ...image } = encoded.facts as ImageFacts;
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

/** A file has one embedding with its EXIF orientation applied and another one without. */
const cacheName = ({ sha256, orientation = 'apply' }: EmbedRequest) =>
  orientation === 'apply' ? sha256 : `${sha256} without orientation`;
