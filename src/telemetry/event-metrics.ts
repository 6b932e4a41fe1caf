import { Counter, Gauge, type OpenMetricsContentType, type Registry } from 'prom-client';

/** Metrics of the events that are sent to webhooks. */
export const eventMetrics = (registers: Registry<OpenMetricsContentType>[]) => ({
  eventsDelivered: new Counter({
    name: 'clipn_events_delivered_total',
    help: 'Events that the webhook of their tenant has taken',
    labelNames: ['tenant'],
    registers,
  }),
  eventsDropped: new Counter({
    name: 'clipn_events_dropped_total',
    help: 'Events that were not delivered, by reason',
    labelNames: ['tenant', 'reason'],
    registers,
  }),
  eventAttempts: new Counter({
    name: 'clipn_event_attempts_total',
    help: 'Requests to webhooks, by outcome: delivered, refused, or failed and tried again',
    labelNames: ['tenant', 'outcome'],
    registers,
  }),
  eventsQueued: new Gauge({
    name: 'clipn_events_queued',
    help: 'Events in memory that are not delivered yet',
    registers,
  }),
  eventsQueuedBytes: new Gauge({
    name: 'clipn_events_queued_bytes',
    help: 'Size of these events',
    registers,
  }),
  eventsOldest: new Gauge({
    name: 'clipn_events_oldest_seconds',
    help: 'Age of the oldest of these events; 0 if there is none',
    registers,
  }),
});
