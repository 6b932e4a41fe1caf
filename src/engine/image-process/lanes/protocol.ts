import type { Precision } from '../../../bundle/manifest.ts';
import type { SerializedError } from '../../../errors/index.ts';
import type { DecodedImage, DecodeMode, Orientation } from '../../../images/decode.ts';
import type { ImageReading } from '../../../images/readings.ts';

export interface LaneInit {
  bundleDir: string;
  precision: Precision;
  /** Side S of the square that the model takes. */
  size: number;
  maxPixels: number;
  decode: DecodeMode;
  /** The sessions of this thread; undefined for one that only decodes. */
  model?: LaneModel;
  /** See `Cores`. */
  cores: SharedArrayBuffer;
  /** Number of the image that is decoded now and since when (`performance.now` of this thread plus its time origin); 0 for none. */
  watch: SharedArrayBuffer;
}

export interface LaneModel {
  device: string;
  /** Threads of the lane's own session. */
  threads: number;
  /** Threads of a second session, for a run that has all cores; 0 for none. */
  wideThreads: number;
  /** Most images in one run. */
  maxBatch: number;
  /** Whether to measure, on a CPU, how many images in one run are worth it. */
  measure: boolean;
  /** Whether the lane compares all golden images; otherwise one, which is enough to know that the session works. */
  allGolden: boolean;
}

/** An image file, or one that another thread has decoded: uint8 [S, S, 3] for each reading. */
export type LaneImage =
  | { id: number; bytes: Uint8Array<ArrayBuffer>; readings: boolean; orientation: Orientation }
  | { id: number; pixels: Uint8Array<ArrayBuffer>[] };

export type ToLane = { kind: 'work'; images: LaneImage[] } | { kind: 'drop'; id: number };

export type ImageFacts = Pick<DecodedImage, 'width' | 'height' | 'format' | 'frames' | 'contested'>;

export interface LaneResult {
  /** Undefined for an image that came as pixels. */
  facts?: ImageFacts;
  /** Names of the readings that follow the first one. */
  others: ImageReading['name'][];
  /** Of each reading: a unit feature [D], or pixels where the thread only decodes. */
  features: Float32Array[];
  pixels: Uint8Array<ArrayBuffer>[];
  /** On the clock that threads share (ipc/clock.ts), milliseconds. */
  began: number;
  decoded: number;
}

export type LaneOutcome = { result: LaneResult } | { error: SerializedError };

/** A run of the session: rows, and rows with those of padding. */
export interface RunReport {
  size: number;
  bucket: number;
  seconds: number;
}

export type FromLane =
  | { kind: 'ready'; goldenMaxDifference: number; batch: number }
  | { kind: 'done'; outcomes: LaneOutcome[]; runs: RunReport[]; running: number }
  | { kind: 'failed'; error: SerializedError };
