import { setPriority } from 'node:os';

/**
 * Niceness of each kind of work, which matters if there are too few cores. The front and the main thread of an engine have 0: they refuse
 * requests, answer probes and feed the lanes. Lanes have one step more; with a larger step, other programs would get most of the cores. Texts
 * have the largest value, because no request for a verdict waits for them.
 */
export const NICENESS = { lanes: 1, texts: 10 } as const;

/** Sets the niceness of the calling thread; threads that it starts inherit it. A system that does not allow it changes nothing. */
export function setNiceness(niceness: number): void {
  try {
    setPriority(niceness);
  } catch {
    // some sandboxes forbid it
  }
}
