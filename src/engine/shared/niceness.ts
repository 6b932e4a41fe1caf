import { setPriority } from 'node:os';

/**
 * Niceness of each kind of work, for when cores are short. The front and the main thread of an engine have 0: they refuse, answer probes and feed
 * the lanes. Lanes come next, one step only, because other programs beside them would otherwise get most of the cores. Texts come last; no
 * request for a verdict waits for them.
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
