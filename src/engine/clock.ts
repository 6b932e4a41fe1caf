import type { Stage } from './types.ts';

/** The kernel's monotonic clock, which all processes of a machine share, less this process's `performance.now`; milliseconds. */
const OFFSET = Number(process.hrtime.bigint()) / 1e6 - performance.now();

const moved = (stages: readonly Stage[], by: number): Stage[] =>
  stages.map(({ name, start, end }) => ({ name, start: start + by, end: end + by }));

/** Times of this process for another one. */
export const toShared = (stages: readonly Stage[]): Stage[] => moved(stages, OFFSET);

/** Times of another process as this one's `performance.now`. */
export const fromShared = (stages: readonly Stage[]): Stage[] => moved(stages, -OFFSET);
