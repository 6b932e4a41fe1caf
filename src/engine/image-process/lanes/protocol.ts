import type { Bundle } from '../../../bundle/load.ts';
import type { SerializedError } from '../../../errors/index.ts';
import type { DecodedImage, DecodeMode, Orientation } from '../../../images/decode.ts';
import type { ImageReading } from '../../../images/readings.ts';

/** Largest number of images of one lane in the decoder at a time. */
export const DECODES_AT_ONCE = 4;

/**
 * Number of images of one lane in the decoder at a time. A lane that also runs its images has as many as its session has threads, so that lanes that
 * decode and lanes that run together never have more threads at work than there are cores. libvips passes every image between two threads, one of
 * which waits for the other, so one image uses 0.7 of a core; the rest is left for the front. Decoders of a device have no runs beside them, and
 * several images fill their cores.
 */
export const decodesAtOnce = (model: Pick<LaneModel, 'threads'> | undefined): number =>
  model ? Math.min(DECODES_AT_ONCE, model.threads) : DECODES_AT_ONCE;

export interface LaneInit {
  bundle: Bundle;
  maxPixels: number;
  decode: DecodeMode;
  /** Options of the thread's sessions; undefined if the thread only decodes. */
  model?: LaneModel;
  /** See `Cores`. */
  cores: SharedArrayBuffer;
  /**
   * Pairs of float64, one for each image that may be in the decoder: id of the image, 0 for none; begin of the decoding (`performance.now` of this
   * thread plus its time origin).
   */
  watch: SharedArrayBuffer;
}

export interface LaneModel {
  device: string;
  /** Threads of the lane's own session. */
  threads: number;
  /** Threads of the second session, whose runs use all cores; 0 for none. */
  wideThreads: number;
  /** Largest number of images in one run. */
  maxBatch: number;
  /** Whether the best number of images in one run is measured, on a CPU. */
  measure: boolean;
  /** Whether the lane compares all golden images, or only one to check that its session works. */
  allGolden: boolean;
}

/** An image file, or the pixels of one that another thread has decoded: uint8 [S, S, 3] for each reading. */
export type LaneImage =
  | { id: number; bytes: Uint8Array<ArrayBuffer>; readings: boolean; orientation: Orientation }
  | { id: number; pixels: Uint8Array<ArrayBuffer>[] };

export type ToLane = { kind: 'work'; images: LaneImage[] } | { kind: 'drop'; id: number };

export type ImageFacts = Pick<DecodedImage, 'width' | 'height' | 'format' | 'frames' | 'contested'>;

export interface LaneResult {
  /** Undefined for an image that arrived as pixels. */
  facts?: ImageFacts;
  /** Names of the readings that follow the first one. */
  others: ImageReading['name'][];
  /** One for each reading: a unit feature [D], followed by those of its patches where the bundle has them; or pixels if the thread only decodes. */
  features: Float32Array[];
  pixels: Uint8Array<ArrayBuffer>[];
  /** On the clock that threads share (ipc/clock.ts), milliseconds. */
  began: number;
  decoded: number;
}

export type LaneOutcome = { result: LaneResult } | { error: SerializedError };

/** One run of the session: `size` rows, padded to `bucket` rows. */
export interface RunReport {
  size: number;
  bucket: number;
  seconds: number;
}

export type FromLane =
  | { kind: 'ready'; goldenMaxDifference: number; batch: number }
  | { kind: 'done'; outcomes: LaneOutcome[]; runs: RunReport[]; running: number }
  | { kind: 'failed'; error: SerializedError };
