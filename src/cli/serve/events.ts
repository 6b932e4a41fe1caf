import type { Config } from '../../config/index.ts';
import {
  type Destination,
  DROP_REASONS,
  destinationFault,
  EventPublisher,
  EventSecrets,
  type EventsObserver,
} from '../../events/index.ts';
import { AllowList } from '../../outgoing/allow-list.ts';
import { collected } from '../../telemetry/collected.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { Telemetry } from './telemetry.ts';

/** Longest time for the events that are left in a shutdown, and the time of it that stays for the rest; milliseconds. */
const DRAIN_MS = 5000;
const RESERVE_MS = 1000;

/** The rules for the destinations of events, and what sends them. */
export interface Events {
  fault(tenant: string, destination: Destination): string | undefined;
  open(destinationOf: (tenant: string) => Destination | undefined): EventPublisher;
}

/** Events as the settings say, connected to log and metrics. */
export function observedEvents(config: Config, { logger, metrics }: Telemetry): Events {
  const list = new AllowList(config.eventUrls);
  const secrets = new EventSecrets(config.eventSecretsDir);
  return {
    fault: (tenant, destination) => destinationFault(tenant, destination, { list, secrets }),
    open: (destinationOf) => {
      const publisher = new EventPublisher({
        destinationOf,
        list,
        secrets,
        limits: { maxEvents: config.eventQueue, maxBytes: config.eventQueueBytes },
        batchMs: config.eventBatchMs,
        timeoutMs: config.eventTimeoutMs,
        maxAgeMs: config.eventMaxAgeMs,
        observer: eventsObserver(metrics, (level, message, details) => logger[level](details, message)),
      });
      collected(metrics.eventsQueued, () => publisher.state.events);
      collected(metrics.eventsQueuedBytes, () => publisher.state.bytes);
      collected(metrics.eventsOldest, () => publisher.state.oldestSeconds);
      return publisher;
    },
  };
}

/** @param endsAt when the shutdown must have ended, on the clock of Date.now() */
export const drainMs = (endsAt: number): number => Math.max(0, Math.min(DRAIN_MS, endsAt - RESERVE_MS - Date.now()));

function eventsObserver(metrics: Metrics, log: EventsObserver['log']): EventsObserver {
  const counted = new Set<string>();
  /** Counters begin at zero, so that the first loss is an increase for Prometheus. */
  const label = (id: string) => {
    const tenant = metrics.tenantLabel(id);
    if (!counted.has(tenant)) for (const reason of DROP_REASONS) metrics.eventsDropped.inc({ tenant, reason }, 0);
    counted.add(tenant);
    return tenant;
  };
  return {
    log,
    queued: label,
    delivered: (tenant, events) => metrics.eventsDelivered.inc({ tenant: label(tenant) }, events),
    dropped: (tenant, reason, events) => metrics.eventsDropped.inc({ tenant: label(tenant), reason }, events),
    attempted: (tenant, result) => metrics.eventAttempts.inc({ tenant: label(tenant), outcome: result }),
  };
}
