import { readFileSync } from 'node:fs';

/** Time of a thread since it started, milliseconds. */
export interface ThreadTime {
  /** On a processor. */
  ranMs: number;
  /** Ready to run, before it got a processor. A wait that has not ended is not in it. */
  waitedMs: number;
  /** Whether it runs, is ready to run, or waits for a disk (its own memory may have to be read from one): it neither sleeps nor is stopped. */
  runnable: boolean;
}

/**
 * Time of the main thread of a process, from /proc/PID/schedstat and /proc/PID/stat (proc(5); sched-stats of the kernel's documentation).
 * Undefined on other systems than Linux, and for a process that has ended.
 */
export function threadTime(pid: number | undefined): ThreadTime | undefined {
  try {
    const [ran, waited] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ').map(Number);
    // the name of the program, which comes before, may have any characters
    const [state] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    if (ran === undefined || waited === undefined || Number.isNaN(ran + waited)) return undefined;
    return { ranMs: ran / 1e6, waitedMs: waited / 1e6, runnable: state === 'R' || state === 'D' };
  } catch {
    return undefined;
  }
}
