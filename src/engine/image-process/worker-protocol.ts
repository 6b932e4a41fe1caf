import type { Precision } from '../../bundle/manifest.ts';
import type { SerializedError } from '../../errors/index.ts';

export interface WorkerInit {
  bundleDir: string;
  precision: Precision;
  device: string;
  threads: number;
  /** Of its thread; see shared/niceness.ts. */
  niceness: number;
  buckets: number[];
}

/** One batch, padded to one of the buckets: uint8 [bucket, S, S, 3]. */
export type ToWorker = { pixels: Uint8Array<ArrayBuffer> };

export type FromWorker =
  | { kind: 'ready'; goldenMaxDifference: number }
  | { kind: 'ran'; features: Float32Array; seconds: number; pixels: Uint8Array<ArrayBuffer> }
  | { kind: 'failed'; error: SerializedError };
