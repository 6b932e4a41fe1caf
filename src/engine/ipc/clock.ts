import type { Stage } from '../shared/types.ts';

/** Offset of this process's `performance.now` from the monotonic clock that all processes of a machine share, milliseconds. */
const OFFSET = offset();

/** Takes the fastest of several readings: on a busy machine the process may be descheduled between the two clocks. */
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

/** Converts times of this process to the shared clock. */
export const toShared = (stages: readonly Stage[]): Stage[] => moved(stages, OFFSET);

/** Converts times on the shared clock to this process's `performance.now`. */
export const fromShared = (stages: readonly Stage[]): Stage[] => moved(stages, -OFFSET);

/** The current time on the clock that processes and threads share. */
export const sharedNow = (): number => performance.now() + OFFSET;

/** Converts a time on the shared clock to this thread's `performance.now`. */
export const fromSharedTime = (time: number): number => time - OFFSET;
