import type { Bundle } from '../../bundle/load.ts';
import type { NearWord } from '../../clipn/index.ts';
import type { SerializedError } from '../../errors/index.ts';
import type { DecodeMode } from '../../images/decode.ts';
import type {
  Detection,
  DetectRequest,
  EngineObserver,
  LookRequest,
  NegativeLabels,
  OtherWords,
  Tower,
} from '../shared/types.ts';

/**
 * Whether the process is the first of its kind for this model. Then the front process compares the files with their checksums; a later process compares
 * its files itself.
 */
export type First = boolean;

/** Settings of a child process. Sent once, as the first message. */
export interface InitMessage {
  /** Opened and checked by the front process; its manifest need not be read again. */
  bundle: Bundle;
  /** See `First`. */
  first: First;
  /** Name of one device, for `deviceOf`. */
  device: string;
  /** Cores that the engine may use for images. */
  threads: number;
  /** Lanes that share those cores, on a CPU; see `lanesFor`. */
  lanes: number;
  /** Largest number of images in one run of a device. */
  maxBatch: number;
  /** Largest number of images in one run of a lane on a CPU; 0 lets the lane measure it. */
  laneBatch: number;
  /** Time that a free lane waits for a fuller batch. */
  batchWaitMs: number;
  maxPixels: number;
  decode: DecodeMode;
  /** Size of the embedding cache, bytes; 0 disables it. */
  cacheBytes: number;
  /** Weights of tenants; a tenant that is not named has weight 1. */
  tenantWeights: ReadonlyMap<string, number>;
}

/** Operations of the image engine process. */
export type EngineOperations = {
  init: { request: InitMessage; reply: { startMs: number; goldenMaxDifference: number; batch: number; rss: number } };
  /** rows: unit rows of all classes, yes then no, float32 [2 C, D]. */
  putHead: {
    request: {
      id: string;
      rows: Float32Array;
      negatives: { words: string; labels: NegativeLabels; others: OtherWords } | null;
    };
    reply: null;
  };
  /** Unit rows of words from `from` on, float32 [n, D]; the first piece makes the matrix of `count` rows. Replies with its bytes. */
  putWords: { request: { id: string; count: number; from: number; rows: Float32Array }; reply: { bytes: number } };
  dropWords: { request: { id: string }; reply: null };
  /** The nearest words outside the classes of a head with negative labels, nearest first. */
  look: { request: LookRequest; reply: NearWord[] };
  dropHead: { request: { id: string }; reply: null };
  detect: {
    request: Required<Omit<DetectRequest, 'timeoutMs' | 'uncounted' | 'requestId'>> & { timeoutMs: number | null };
    reply: Detection;
  };
};

/** Operations of the process that probes a device. */
export type ProbeOperations = {
  probe: { request: { bundleDir: string; device: string; threads: number }; reply: { difference: number } };
};

/** Operations of the text encoder process. */
export type TextOperations = {
  init: {
    /** urgent: the start of the service waits; otherwise texts give way to images from the beginning. */
    request: { bundle: Bundle; first: First; urgent: boolean; threads: number };
    reply: { goldenMaxDifference: number };
  };
  build: { request: { names: string[]; templates: string[]; tower: Tower }; reply: Float32Array };
};

/** State of the process, polled by the front and answered by the main thread. */
export interface Vitals {
  /** Resident memory, bytes. */
  rss: number;
  /** The image that has been decoding for longest, and its duration. */
  decoding: { sha256: string; ms: number } | null;
}

/** The operations of a child process: for each one its request and its reply. */
export type Operations = Record<string, { request: unknown; reply: unknown }>;

export type Call<O extends Operations = Operations> = {
  kind: 'call';
  seq: number;
  operation: keyof O & string;
  request: O[keyof O]['request'];
};
export type Cancel = { kind: 'cancel'; seq: number };
export type Ping = { kind: 'ping' };
export type Pong = { kind: 'pong'; vitals: Vitals };
export type Reply = { kind: 'reply'; seq: number; value: unknown };
export type Failure = { kind: 'failure'; seq: number; error: SerializedError };
export type ProgressMessage = { kind: 'progress'; seq: number; done: number; total: number };

type ObserverEvent<K extends keyof EngineObserver> = Parameters<NonNullable<EngineObserver[K]>>;
export type Observation =
  | { kind: 'observe'; what: 'batch'; args: ObserverEvent<'batch'> }
  | { kind: 'observe'; what: 'log'; args: ObserverEvent<'log'> };

export type ToChild<O extends Operations = Operations> = Call<O> | Cancel | Ping;
export type ToParent = Reply | Failure | ProgressMessage | Observation | Pong;
