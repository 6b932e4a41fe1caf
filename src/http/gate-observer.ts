import type { GateObserver } from '../gate/index.ts';
import type { Logger } from '../telemetry/logger.ts';
import { exemplarOf, type Metrics } from '../telemetry/metrics.ts';

/** Sends the gate's events to metrics and log. */
export function gateObserver(metrics: Metrics, logger: Pick<Logger, 'info' | 'warn' | 'error'>): GateObserver {
  return {
    request: ({ tenant, known, mode, verdict, action, seconds, trace }) => {
      // unknown names share one label, because a client could send any number of them
      const label = known ? metrics.tenantLabel(tenant) : 'unknown';
      metrics.gateRequests.inc({ tenant: label, mode, verdict, action });
      metrics.gateDuration.observe({ labels: {}, value: seconds, exemplarLabels: exemplarOf(trace) });
    },
    failure: ({ cause, policy }) => metrics.gateFailures.inc({ cause, policy }),
    upstream: ({ reason }) => metrics.gateUpstreamErrors.inc({ reason }),
    log: (level, message, details) => logger[level](details, message),
  };
}
