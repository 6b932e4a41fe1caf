import { readFileSync } from 'node:fs';

/** Milliseconds for which a thread sleeps, so that the kernel counts its time up to now. */
const NAP_MS = 0.05;

const cell = new Int32Array(new SharedArrayBuffer(4));

/**
 * Processor time of the calling thread since it started, milliseconds; undefined on other systems than Linux. Source: /proc/thread-self/schedstat
 * (sched-stats of the kernel's documentation). The kernel adds the time of a running thread at its timer's interrupts only, which are up to 10 ms
 * apart, and when the thread stops running.
 */
export function threadCpuMs(file = '/proc/thread-self/schedstat'): number | undefined {
  Atomics.wait(cell, 0, 0, NAP_MS);
  try {
    const ns = Number(readFileSync(file, 'utf8').split(' ')[0]);
    // a kernel without these counters has zeros here
    return ns > 0 ? ns / 1e6 : undefined;
  } catch {
    return undefined;
  }
}
