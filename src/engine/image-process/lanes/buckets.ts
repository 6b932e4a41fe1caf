import type { Device } from '../../shared/devices.ts';

/** Most images in one run of a lane of a CPU: more of them gain nothing and make everybody wait. */
export const LANE_BATCH = 4;
/** A smaller batch is preferred as long as its images take at most this much longer each. */
const WORTH = 1.03;

/**
 * Batch shapes up to and including `maxBatch`; a batch is padded to the next. Powers of two on a device, which prepares itself for every shape
 * that it meets. A CPU does not: it runs any number.
 */
export function bucketsUpTo(maxBatch: number, device: Device['kind']): number[] {
  if (device === 'cpu') return Array.from({ length: maxBatch }, (_, i) => i + 1);
  const buckets: number[] = [];
  for (let b = 1; b < maxBatch; b *= 2) buckets.push(b);
  return [...buckets, maxBatch];
}

/** The batch sizes that a lane of a CPU tries at its start. */
export const batchSizes = (maxBatch: number): number[] =>
  [...new Set([1, 2, LANE_BATCH].map((size) => Math.min(size, maxBatch)))].sort((a, b) => a - b);

/** Of measured runs, the smallest batch whose images take hardly longer than those of the fastest. */
export function bestBatch(runs: readonly { size: number; ms: number }[]): number {
  const fastest = Math.min(...runs.map(({ size, ms }) => ms / size));
  const good = runs.filter(({ size, ms }) => ms / size <= WORTH * fastest).map(({ size }) => size);
  return Math.min(...good);
}
