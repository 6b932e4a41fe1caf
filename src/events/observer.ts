/**
 * Reasons why events are lost: no room in the queue, too old, refused by the receiver, answered with a redirect, an address that is not
 * allowed, a definition without events since then, the end of the process.
 */
export const DROP_REASONS = [
  'queue_full',
  'expired',
  'refused',
  'redirected',
  'not_allowed',
  'removed',
  'shutdown',
] as const;
export type DropReason = (typeof DROP_REASONS)[number];

/** Receives what becomes of events, for metrics and log. */
export interface EventsObserver {
  /** A tenant has its first event. */
  queued(tenant: string): void;
  delivered(tenant: string, events: number): void;
  dropped(tenant: string, reason: DropReason, events: number): void;
  attempted(tenant: string, result: 'delivered' | 'refused' | 'failed'): void;
  log(level: 'info' | 'warn' | 'error', message: string, details: Record<string, unknown>): void;
}
