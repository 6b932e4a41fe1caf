import type { Precision } from '../../bundle/manifest.ts';
import type { Assessment } from '../../clipn/index.ts';
import type { Orientation } from '../../images/decode.ts';
import type { ExitCause } from './exit-cause.ts';
import type { Priority } from './fair-queue.ts';

/** A tenant's class features: one row of unit length for each class, yes and no, row-major [C * D]. */
export interface Head {
  classes: string[];
  yes: Float32Array;
  no: Float32Array;
  negatives?: HeadNegatives;
}

/** The features of a word list, as the engine gets them: in pieces, because there may be many. */
export interface WordSource {
  /** The same for the same rows. */
  id: string;
  count: number;
  /** Unit rows `from` to before `to`, [(to - from) * D]. */
  rows(from: number, to: number): Promise<Float32Array>;
}

/** The negative labels of a tenant as indices of words, in the order of the mining. */
export interface NegativeLabels {
  neglabel: Uint32Array;
  /** Of the conjugated pool. */
  csp?: Uint32Array;
  /** Number of groups into which the labels are dealt. */
  groups: number;
}

/** The words that may say what an image looks like: the nouns of the list, which are its first words, without those that name a class. */
export interface OtherWords {
  nouns: number;
  /** Indices of the nouns that mean the same as a class. */
  except: Uint32Array;
}

/** Negative labels, and the words that they are indices of. All heads with the same words share their features in an engine process. */
export interface HeadNegatives {
  words: WordSource;
  labels: NegativeLabels;
  others: OtherWords;
}

/** Supplies heads again that the engine has removed, or that were in a process that ended. */
export interface HeadProvider {
  /** Undefined if the head is no longer needed. */
  loadHead(id: string): Promise<Head | undefined>;
}

/** Holds heads. `id` is opaque to the engine; a second `putHead` with an id replaces its head. */
export interface HeadHost {
  putHead(id: string, head: Head): Promise<void>;
  dropHead(id: string): Promise<void>;
}

export type Tower = 'yes' | 'no';

export interface FeatureRequest {
  names: string[];
  templates: string[];
  tower: Tower;
}

export interface FeatureOptions {
  signal?: AbortSignal;
  onProgress?: (textsDone: number, textsTotal: number) => void;
}

/** Makes class features, [names * D]: each name in each template is encoded and L2-normalised, summed over templates, and L2-normalised. */
export interface TextFeatureBuilder {
  build(request: FeatureRequest, options?: FeatureOptions): Promise<Float32Array>;
}

export interface DetectRequest {
  /** The undecoded image file; only the engine process decodes untrusted bytes. */
  bytes: Uint8Array;
  headId: string;
  /** The tenant in whose share of the engines the image runs. */
  tenant: string;
  topK: number;
  /** `interactive` by default. */
  priority?: Priority;
  /** Milliseconds from now until the deadline of the answer. */
  timeoutMs?: number;
  /** Whether the verdict is no traffic, so that it does not count for drift. */
  uncounted?: boolean;
  /** Whether the answer contains the times of all stages, for traces. */
  stages?: boolean;
  /** Whether the answer contains the verdicts on other readings of the file, for example with transparency on black. */
  readings?: boolean;
  /** Whether the orientation tag of a photograph is applied; as configured by default. */
  orientation?: Orientation;
  /** Whether the answer contains the embedding of the image. */
  embedding?: boolean;
  /** Id of the client's request, for observers of verdicts; the engine does not use it. */
  requestId?: string;
}

/** Asks for the words that an image looks like. */
export interface LookRequest {
  /** A head with negative labels. */
  headId: string;
  /** Unit vector of the image, [D], as `Detection.embedding`. */
  embedding: Float32Array;
}

export interface TopClass {
  index: number;
  probability: number;
  noProbability: number;
}

/** Source of the embedding. hit: the cache; joined: a computation of another request with the same image; miss: computed for this request. */
export type CacheResult = 'hit' | 'joined' | 'miss' | 'off';

/** Milliseconds. `queue` is the sum of all waiting: for an engine, for a decoder, and for the device. */
export interface Timing {
  decode: number;
  queue: number;
  inference: number;
}

/** A stage of an image's processing, on the clock of `performance.now` of the process that reads it. */
export interface Stage {
  /** `queue` (three times: for an engine, a decoder, the device), `handover`, `hash`, `decode`, `inference`, `score`, `handback`; `joined` instead of the others. */
  name: string;
  start: number;
  end: number;
}

export interface Detection {
  index: number;
  probability: number;
  noProbability: number;
  oodProbability: number;
  decisions: Assessment['decisions'];
  scores: Assessment['scores'];
  top: TopClass[];
  /** `frames` is the number of pictures in the file, of which the first was judged. */
  image: { sha256: string; width: number; height: number; format: string; frames: number };
  /** Readings of the file whose pixels differ from the judged one, if the request asked for them. */
  otherReadings?: { reading: string; decisions: Assessment['decisions']; scores: Assessment['scores'] }[];
  /** Unit vector of the image, if the request asked for it. */
  embedding?: Float32Array;
  timing: Timing;
  cache: CacheResult;
  /** In order and without gaps, if the request asked for them. */
  stages?: Stage[];
}

export type EngineState = 'starting' | 'ready' | 'restarting' | 'stopping' | 'stopped' | 'failed';

/** Status of one engine. */
export interface EngineStatus {
  /** Name in logs and metrics: the device, numbered if several engines share it. */
  name: string;
  state: EngineState;
  /** Why the engine is not ready, for readiness and the log. */
  reason?: string;
  /** Time until the next process is started. */
  nextTryMs?: number;
  device: string;
  precision: Precision;
  pid?: number;
  restarts: number;
  inFlight: number;
  /** Bytes of tenants' features in the process, and those of words, which the tenants share. */
  held?: { heads: number; words: number };
}

/** Status of all engines of one model: ready if one of them is. */
export interface FleetStatus extends Omit<EngineStatus, 'name' | 'nextTryMs' | 'held'> {
  engines: EngineStatus[];
}

/** Events of the engine for metrics. */
export interface EngineObserver {
  /** A run on the device. */
  batch?(event: { size: number; bucket: number; seconds: number }): void;
  /** An image has received its verdict. */
  image?(event: { timing: Timing; cache: CacheResult }): void;
  /** Number of images that wait for an engine. */
  queue?(depth: number): void;
  state?(status: EngineStatus): void;
  /** An engine process has ended and will be started again. */
  restart?(engine: string, cause: ExitCause): void;
  log?(level: 'info' | 'warn' | 'error', message: string, details: Record<string, unknown>): void;
}
