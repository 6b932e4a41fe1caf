import { decisionOf, type Method } from '../clipn/index.ts';
import type { Detection } from '../engine/index.ts';
import type { ServiceError } from '../errors/index.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/** One image of a request: its verdict, or why it has none. */
export type Outcome = { id: string; detection: Detection } | { id: string; error: ServiceError };

/** Counts one image in the metrics. */
export function count(metrics: Metrics, tenant: string, method: Method, outcome: Outcome): void {
  if ('error' in outcome) {
    metrics.imagesRejected.inc({ reason: outcome.error.code });
    return;
  }
  const label = metrics.tenantLabel(tenant);
  const { decisions, noProbability, oodProbability } = outcome.detection;
  metrics.decisions.inc({ tenant: label, method, decision: decisionOf(decisions, method) });
  metrics.noProbability.observe({ tenant: label }, noProbability);
  metrics.oodProbability.observe({ tenant: label }, oodProbability);
}
