import type { Device } from '../../shared/devices.ts';

/** Largest number of images in one run of a lane on a CPU: larger runs are not faster per image and delay the other images. */
export const LANE_BATCH = 4;
/**
 * A larger batch is preferred if it takes at most this many times as long per image: it costs fewer messages between threads, and a measurement on a machine that is busy during the start must not lead to batches of one.
 */
const WORTH = 1.15;

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

/** The largest of the measured batches that takes hardly longer per image than the fastest. */
export function bestBatch(runs: readonly { size: number; ms: number }[]): number {
  const fastest = Math.min(...runs.map(({ size, ms }) => ms / size));
  const good = runs.filter(({ size, ms }) => ms / size <= WORTH * fastest).map(({ size }) => size);
  return Math.max(...good);
}
