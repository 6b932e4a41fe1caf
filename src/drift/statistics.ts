export { type Share, wilson } from '../clipn/wilson.ts';

/** Added to every count, so that a bin that is empty on one side gives a large index and not an infinite one. */
const PRIOR = 0.5;

/**
 * Population stability index, sum over bins of (q - p) ln(q / p). Below 0.1 is usually called stable, above 0.25 a shift.
 * @param baseline counts per bin, of any total
 * @param current counts of the same bins
 */
export function psi(baseline: readonly number[], current: readonly number[]): number {
  const smoothed = (counts: readonly number[]) => {
    const total = counts.reduce((sum, n) => sum + n, 0) + PRIOR * counts.length;
    return counts.map((n) => (n + PRIOR) / total);
  };
  const q = smoothed(current);
  return smoothed(baseline).reduce((sum, p, i) => sum + ((q[i] as number) - p) * Math.log((q[i] as number) / p), 0);
}

/**
 * The average of `psi` if nothing has changed: (bins - 1) (1/n + 1/m), a chi-square divided by the counts.
 */
export function psiOfChance(bins: number, n: number, m: number): number {
  return n === 0 || m === 0 ? Number.POSITIVE_INFINITY : (bins - 1) * (1 / n + 1 / m);
}

/**
 * Merges neighbouring bins until each holds at least a tenth of the baseline: deciles, as far as the bins allow.
 * @returns index of the group of every bin
 */
export function deciles(baseline: readonly number[]): number[] {
  const tenth = baseline.reduce((sum, n) => sum + n, 0) / 10;
  let group = 0;
  let inside = 0;
  const groups = baseline.map((n) => {
    if (inside >= tenth && inside > 0) {
      group++;
      inside = 0;
    }
    inside += n;
    return group;
  });
  // a remainder of less than a tenth is merged into its neighbour
  return inside < tenth && group > 0 ? groups.map((g) => Math.min(g, group - 1)) : groups;
}

export function grouped(counts: readonly number[], groups: readonly number[]): number[] {
  const sums = new Array<number>(Math.max(-1, ...groups) + 1).fill(0);
  counts.forEach((n, i) => {
    sums[groups[i] as number] = (sums[groups[i] as number] as number) + n;
  });
  return sums;
}
