import { setPriority } from 'node:os';

/**
 * How far a process stands back (as `nice` counts) when cores are short: first the front, which refuses, proxies and says that it lives; then
 * what decodes images, and runs them beside a batch; then batches; then texts, of which nobody waits for the next millisecond. It weighs among the
 * processes of one container, not against others.
 */
export const STANDS_BACK = { images: 5, batches: 10, texts: 15 } as const;

/** Of the thread that calls, and of those that it will start: they inherit it. Where the system does not allow it nothing is lost. */
export function standBack(by: number): void {
  try {
    setPriority(by);
  } catch {
    // some sandboxes forbid it
  }
}
