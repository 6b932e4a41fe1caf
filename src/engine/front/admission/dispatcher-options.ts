import type { Priority, Weights } from '../../shared/fair-queue.ts';
import type { Detection } from '../../shared/types.ts';
import type { AfterLoss, LostRequest } from './slot.ts';

export interface DispatcherOptions {
  /** Most images waiting for an engine; more are refused. */
  maxQueue: number;
  /** The tenants' shares of the engines; 1 each by default. */
  weightOf?: Weights;
  /** Why no engine takes work, for the public text of 503. */
  unavailable(): string;
  /** Decides about a request that was inside an engine when it ended. Without this it is answered with 503. */
  afterLoss?(lost: LostRequest): AfterLoss;
  /** An image has received its verdict. */
  onDetection?(detection: Detection): void;
  /** The number of images waiting has changed. */
  onDepth?(depth: number): void;
  now?: () => number;
}

/** A request for admission, before its images are read. */
export interface Ask {
  tenant: string;
  priority?: Priority | undefined;
  images: number;
  timeoutMs?: number | undefined;
}
