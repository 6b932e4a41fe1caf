import type { Precision } from '../bundle/manifest.ts';
import type { SerializedError } from '../errors/index.ts';
import type { Verdict } from './scoring.ts';
import type { Head } from './types.ts';

export interface WorkerInit {
  bundleDir: string;
  precision: Precision;
  device: string;
  threads: number;
  buckets: number[];
}

export type ToWorker =
  | { kind: 'putHead'; id: string; head: Head }
  | { kind: 'dropHead'; id: string }
  | { kind: 'run'; pixels: Uint8Array<ArrayBuffer>; items: { headId: string; topK: number }[] };

/** A verdict, or why this one image has none; other images of the batch are not affected. */
export type ItemResult = { verdict: Verdict } | { error: SerializedError };

export type FromWorker =
  | { kind: 'ready'; goldenMaxDifference: number }
  | { kind: 'ran'; results: ItemResult[]; seconds: number; pixels: Uint8Array<ArrayBuffer> }
  | { kind: 'failed'; error: SerializedError };
