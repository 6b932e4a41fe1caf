import type { ServiceError } from '../../../errors/index.ts';
import type { ExitCause } from '../../shared/exit-cause.ts';
import type { Detection, DetectRequest } from '../../shared/types.ts';

/** One supervised engine as the dispatcher sees it. */
export interface EngineSlot {
  /** For logs and metrics, e.g. "cpu" or "cuda:0". */
  readonly name: string;
  /** Whether it takes images now. `Dispatcher.wake()` must be called when this becomes true. */
  readonly ready: boolean;
  /** It takes no images now but is about to: requests may wait for it. */
  readonly returning?: boolean;
  /** Largest number of images that it may hold at once: those being decoded, the running batch and the next one. */
  readonly window: number;
  /** Why its last process ended. */
  readonly lastCause: ExitCause;
  /**
   * Sends an image to its process and resolves with the verdict. Rejects with EngineLost if the process ends before it answers, and with
   * the signal's reason if the signal is aborted.
   */
  send(request: DetectRequest, signal?: AbortSignal): Promise<Detection>;
}

/** A request that was inside an engine when it ended. */
export interface LostRequest {
  request: DetectRequest;
  /** Number of engine processes that have ended with it inside, including this one. */
  losses: number;
  slot: EngineSlot;
}

/** The decision about a lost request: it runs again, first and as the only image of an engine, or it is answered with the error. */
export type AfterLoss = 'alone' | ServiceError;
