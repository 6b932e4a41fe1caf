import type { Device } from '../../shared/devices.ts';

/** Largest number of images in one run of a lane on a CPU: larger runs are not faster per image and delay the other images. */
export const LANE_BATCH = 4;
/** A smaller batch is preferred if it takes at most this many times as long per image: it delays the other images less. */
const SAME = 1.03;
/** Runs of each batch that are compared. */
const TURNS = 3;

/**
 * Batch sizes up to and including `maxBatch`; a batch is padded to the next of them. A device prepares kernels for every size that it
 * meets, so it gets powers of two only. A CPU runs any size.
 */
export function bucketsUpTo(maxBatch: number, device: Device['kind']): number[] {
  if (device === 'cpu') return Array.from({ length: maxBatch }, (_, i) => i + 1);
  const buckets: number[] = [];
  for (let b = 1; b < maxBatch; b *= 2) buckets.push(b);
  return [...buckets, maxBatch];
}

/** The batch sizes that a lane on a CPU measures at its start. */
export const batchSizes = (maxBatch: number): number[] =>
  [...new Set([1, 2, LANE_BATCH].map((size) => Math.min(size, maxBatch)))].sort((a, b) => a - b);

/** The processor time of a run of each batch, milliseconds. */
export type BatchTimes = { size: number; ms: number }[];

/**
 * The least time of several runs of each batch. The batches take turns: other processes start at the same time and end at some moment, and the
 * batch that is measured last must not look the fastest for that.
 * @param time runs a batch of this size and resolves with its time
 */
export async function compareBatches(
  sizes: readonly number[],
  time: (size: number) => Promise<number>,
): Promise<BatchTimes> {
  const runs = sizes.map((size) => ({ size, ms: Number.POSITIVE_INFINITY }));
  for (let turn = 0; turn < TURNS; turn++) for (const run of runs) run.ms = Math.min(run.ms, await time(run.size));
  return runs;
}

/** The smallest of the measured batches that takes hardly longer per image than the fastest. */
export function bestBatch(runs: Readonly<BatchTimes>): number {
  const fastest = Math.min(...runs.map(({ size, ms }) => ms / size));
  return Math.min(...runs.filter(({ size, ms }) => ms / size <= SAME * fastest).map(({ size }) => size));
}
