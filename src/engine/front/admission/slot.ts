import type { ServiceError } from '../../../errors/index.ts';
import type { Detection, DetectRequest } from '../../shared/types.ts';

/** One supervised engine as the dispatcher sees it. */
export interface EngineSlot {
  /** For logs and metrics, e.g. "cpu" or "cuda:0". */
  readonly name: string;
  /** Whether it takes work now. The dispatcher must be told of every change: `Dispatcher.wake()`. */
  readonly ready: boolean;
  /** It takes none now but will in a moment: requests may wait for it. */
  readonly returning?: boolean;
  /** Most images it may hold at once: enough for those being decoded, the running batch and the next one. */
  readonly window: number;
  /** Rejects with EngineLost when the process ends before the answer, with the signal's reason when it is aborted. */
  detect(request: DetectRequest, signal?: AbortSignal): Promise<Detection>;
}

/** A request that was inside an engine when it ended. */
export interface LostRequest {
  request: DetectRequest;
  /** How many engines have died with it inside, this time included. */
  losses: number;
  slot: EngineSlot;
}

/** The decision about it: it runs again, before all others and with no other image in that engine, or it is answered with the error. */
export type AfterLoss = 'alone' | ServiceError;
