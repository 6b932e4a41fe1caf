import { setPriority } from 'node:os';

/**
 * Niceness of each kind of work, for when cores are short. The front has 0, because it refuses, proxies and answers probes; then the main
 * thread of an engine, which feeds its lanes; then the lanes; then texts, which no request waits for. It decides among the processes of one container only.
 */
export const NICENESS = { images: 5, lanes: 10, texts: 15 } as const;

/** Sets the niceness of the calling thread; threads that it starts inherit it. A system that does not allow it changes nothing. */
export function setNiceness(niceness: number): void {
  try {
    setPriority(niceness);
  } catch {
    // some sandboxes forbid it
  }
}
