import type { Stage } from '../shared/types.ts';

/** The kernel's monotonic clock, which all processes of a machine share, less this process's `performance.now`; milliseconds. */
const OFFSET = offset();

/** Of several readings the one that took least time: on a busy machine a process may be put aside between two clocks. */
function offset(): number {
  let best = { took: Number.POSITIVE_INFINITY, offset: 0 };
  for (let i = 0; i < 20; i++) {
    const before = performance.now();
    const shared = Number(process.hrtime.bigint()) / 1e6;
    const after = performance.now();
    if (after - before < best.took) best = { took: after - before, offset: shared - (before + after) / 2 };
  }
  return best.offset;
}

const moved = (stages: readonly Stage[], by: number): Stage[] =>
  stages.map(({ name, start, end }) => ({ name, start: start + by, end: end + by }));

/** Times of this process for another one. */
export const toShared = (stages: readonly Stage[]): Stage[] => moved(stages, OFFSET);

/** Times of another process as this one's `performance.now`. */
export const fromShared = (stages: readonly Stage[]): Stage[] => moved(stages, -OFFSET);
