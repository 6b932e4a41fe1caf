import type { Place } from '../../shared/fair-queue.ts';
import type { Detection, DetectRequest } from '../../shared/types.ts';

/** An image that waits or is inside an engine. */
export interface Entry {
  request: DetectRequest;
  place: Place;
  enqueued: number;
  /** On the clock of `now`; Infinity for none. */
  deadline: number;
  losses: number;
  abort: AbortController;
  resolve(detection: Detection): void;
  reject(error: unknown): void;
  /** Removes its timer and its listener on the client's signal. */
  release(): void;
}
