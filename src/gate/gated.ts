import type { GatedRequest } from './decide.ts';
import type { Passage } from './forward.ts';

/** A request of a gated route on its way through the gate. */
export interface GatedExchange extends Passage, GatedRequest {
  request: Passage['request'];
  trace: GatedRequest['trace'];
  /** The gate has sent 100 Continue, so the upstream's is not forwarded. */
  continued: boolean;
}
