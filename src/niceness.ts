import { readdirSync } from 'node:fs';
import { setPriority } from 'node:os';

/**
 * Niceness of each kind of work, which matters if there are too few cores. The front and the main thread of an engine have 0: they refuse
 * requests, answer probes and feed the lanes. Lanes have one step more; with a larger step, other programs would get most of the cores. Texts
 * have the largest value, because no request for a verdict waits for them. Bodies that are long or hard to read wait for all requests with images.
 */
export const NICENESS = { lanes: 1, readings: 5, texts: 10 } as const;

/** Sets the niceness of the calling thread; threads that it starts inherit it. A system that does not allow it changes nothing. */
export function setNiceness(niceness: number): void {
  try {
    setPriority(niceness);
  } catch {
    // some sandboxes forbid it
  }
}

/** Sets the niceness of all threads of this process, also of those that a session has started. */
export function setNicenessOfAll(niceness: number): void {
  setNiceness(niceness);
  try {
    // Linux counts the niceness of each thread, and takes its number for that of a process; other systems count that of a process
    for (const thread of readdirSync('/proc/self/task')) setPriority(Number(thread), niceness);
  } catch {
    // no Linux, or not allowed
  }
}
