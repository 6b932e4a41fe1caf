import { setTimeout as sleep } from 'node:timers/promises';
import pLimit from 'p-limit';
import { Courier, type Deliveries, type DeliveryOptions } from './courier.ts';
import { eventOf, type GivenVerdict } from './event.ts';
import { EventQueue, type QueueLimits } from './queue.ts';

export interface PublisherOptions extends DeliveryOptions {
  limits: QueueLimits;
}

/** Requests to all receivers at once. */
const MOST_AT_ONCE = 64;
const LOOK_MS = 20;

/**
 * Sends verdicts to the webhooks of their tenants. Publishing only puts an event into a bounded queue in memory; it never waits and never fails. Each
 * event is delivered at least once or counted as dropped; events that a process holds when it is killed are lost.
 */
export class EventPublisher {
  readonly #queue: EventQueue;
  readonly #shared: Deliveries;
  readonly #couriers = new Map<string, Courier>();
  /** Number of couriers at which idle ones are removed. */
  #sweepAt = 100;
  readonly #hurry = new AbortController();
  readonly #end = new AbortController();

  constructor(options: PublisherOptions) {
    this.#queue = new EventQueue(options.limits);
    const limited = pLimit(MOST_AT_ONCE);
    this.#shared = { ...options, queue: this.#queue, limited, hurry: this.#hurry.signal, end: this.#end.signal };
  }

  /** Queues the verdict if its tenant's definition asks for it. */
  publish(verdict: GivenVerdict): void {
    const { destinationOf, observer } = this.#shared;
    const { tenant, decision } = verdict;
    try {
      const destination = destinationOf(tenant);
      if (!destination || (decision !== 'ood' && destination.on !== 'all')) return;
      if (this.#end.signal.aborted) {
        observer.dropped(tenant, 'shutdown', 1);
        return;
      }
      for (const dropped of this.#queue.add(tenant, eventOf(verdict), Date.now()))
        observer.dropped(dropped, 'queue_full', 1);
      this.#courierOf(tenant).wake();
    } catch (error) {
      observer.log('error', 'an event could not be made', { err: error });
    }
  }

  /** Events in memory, their bytes, and the age of the oldest in seconds. */
  get state(): { events: number; bytes: number; oldestSeconds: number } {
    const { events, bytes } = this.#queue;
    const times = [this.#queue.oldest(), ...[...this.#couriers.values()].map(({ since }) => since)];
    const oldest = Math.min(...times.filter((at) => at !== undefined));
    return { events, bytes, oldestSeconds: events === 0 ? 0 : Math.max(0, (Date.now() - oldest) / 1000) };
  }

  /** Sends what is left for at most this time, without waiting for whole batches; then the rest is dropped and counted. */
  async close(boundMs: number): Promise<void> {
    this.#hurry.abort();
    for (const courier of this.#couriers.values()) courier.wake();
    const until = Date.now() + boundMs;
    while (this.#queue.events > 0 && Date.now() < until) await sleep(LOOK_MS);
    const lost = this.#queue.events;
    this.#end.abort();
    for (const tenant of this.#queue.tenants()) this.#dropAll(tenant);
    if (lost > 0) this.#shared.observer.log('warn', 'events were lost in the shutdown', { events: lost });
    // the batches that were being sent are counted by their couriers
    while (this.#queue.events > 0) await sleep(LOOK_MS);
  }

  #dropAll(tenant: string): void {
    const items = this.#queue.take(tenant, { maxEvents: Infinity, maxBytes: Infinity });
    this.#queue.release(items);
    this.#shared.observer.dropped(tenant, 'shutdown', items.length);
  }

  #courierOf(tenant: string): Courier {
    const known = this.#couriers.get(tenant);
    if (known) return known;
    if (this.#couriers.size >= this.#sweepAt) this.#sweep();
    const courier = new Courier(tenant, this.#shared);
    this.#couriers.set(tenant, courier);
    this.#shared.observer.queued(tenant);
    return courier;
  }

  #sweep(): void {
    for (const [tenant, courier] of this.#couriers) if (courier.isIdle) this.#couriers.delete(tenant);
    this.#sweepAt = Math.max(100, 2 * this.#couriers.size);
  }
}
