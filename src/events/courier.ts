import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LimitFunction } from 'p-limit';
import type { AllowList } from '../outgoing/allow-list.ts';
import type { Resolve } from '../outgoing/send.ts';
import { type AttemptResult, attempt, type EventMessage } from './attempt.ts';
import { waitAfter } from './backoff.ts';
import { addressFault, type Destination } from './destination.ts';
import type { DropReason, EventsObserver } from './observer.ts';
import type { EventQueue, Queued } from './queue.ts';
import type { EventSecrets } from './secrets.ts';

/** A message stays below 100 kB, the largest JSON body that common web frameworks accept by default. */
const BATCH = { maxEvents: 100, maxBytes: 90_000 };
/** Longest pause between attempts during the shutdown, milliseconds. */
const HURRIED_MS = 500;

export interface DeliveryOptions {
  /** The destination by the tenant's newest definition; undefined if it has none. */
  destinationOf(tenant: string): Destination | undefined;
  list: AllowList;
  secrets: EventSecrets;
  /** Longest time that an event waits for others of its batch, milliseconds. */
  batchMs: number;
  /** Longest time of one attempt, milliseconds. */
  timeoutMs: number;
  /** Age at which an event is dropped instead of tried again, milliseconds. */
  maxAgeMs: number;
  observer: EventsObserver;
  resolve?: Resolve;
}

/** All that the couriers share. */
export interface Deliveries extends DeliveryOptions {
  queue: EventQueue;
  /** Bounds the attempts of all tenants at once. */
  limited: LimitFunction;
  /** Aborted when the shutdown begins: nothing waits any longer than it must. */
  hurry: AbortSignal;
  /** Aborted at the end of the shutdown. */
  end: AbortSignal;
}

/** Sends the events of one tenant, one batch after the other and in their order. */
export class Courier {
  readonly #tenant: string;
  readonly #shared: Deliveries;
  #sending = false;
  #timer: NodeJS.Timeout | undefined;
  /** Attempts that have failed in a row, and the earliest time of the next one. */
  #failures = 0;
  #notBefore = 0;
  /** The last fault in the log, so that it is not repeated with every attempt. */
  #said: string | undefined;
  /** When the oldest event of the batch that is being sent was queued. */
  since: number | undefined;

  constructor(tenant: string, shared: Deliveries) {
    this.#tenant = tenant;
    this.#shared = shared;
  }

  /** Whether nothing would be lost without this object. */
  get isIdle(): boolean {
    return !this.#sending && this.#timer === undefined && this.#failures === 0;
  }

  /** Begins to send when there is a whole batch, or after the time that a part of one may wait. */
  wake(): void {
    if (this.#sending || this.#shared.queue.waiting(this.#tenant).events === 0) return;
    if (this.#isDue()) void this.#send();
    else this.#timer ??= setTimeout(() => void this.#send(), this.#shared.batchMs).unref();
  }

  #isDue(): boolean {
    const { events, bytes } = this.#shared.queue.waiting(this.#tenant);
    return events >= BATCH.maxEvents || bytes >= BATCH.maxBytes || (events > 0 && this.#shared.hurry.aborted);
  }

  async #send(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#sending = true;
    do await this.#sendBatch();
    while (this.#isDue());
    this.#sending = false;
    this.wake();
  }

  async #sendBatch(): Promise<void> {
    const { queue, maxAgeMs } = this.#shared;
    const taken = queue.take(this.#tenant, BATCH);
    const items = taken.filter(({ at }) => Date.now() - at <= maxAgeMs);
    this.since = items[0]?.at;
    this.#dropped('expired', taken.length - items.length);
    if (items.length > 0) await this.#deliver(items);
    queue.release(taken);
    this.since = undefined;
  }

  /** Tries until the batch is delivered, refused, too old, or the process ends. */
  async #deliver(items: readonly Queued[]): Promise<void> {
    const { observer, limited, maxAgeMs, end } = this.#shared;
    const message = { id: `msg_${randomUUID()}`, body: `[${items.map(({ text }) => text).join(',')}]` };
    const { at } = items[0] as Queued;
    for (;;) {
      await this.#pause();
      const destination = this.#shared.destinationOf(this.#tenant);
      if (!destination) {
        this.#failures = 0;
        return this.#dropped('removed', items.length);
      }
      if (end.aborted) return this.#dropped('shutdown', items.length);
      const result = await limited(() => this.#attempt(message, destination));
      observer.attempted(this.#tenant, result.kind);
      this.#say(result, destination);
      if (result.kind !== 'failed') this.#failures = 0;
      if (result.kind === 'delivered') return observer.delivered(this.#tenant, items.length);
      if (result.kind === 'refused') return this.#dropped(result.why, items.length);
      this.#failures++;
      this.#notBefore = Date.now() + waitAfter(this.#failures, result.retryAfterMs);
      if (!end.aborted && Date.now() - at > maxAgeMs) return this.#dropped('expired', items.length);
    }
  }

  async #attempt(message: EventMessage, { url }: Destination): Promise<AttemptResult> {
    const { list, secrets, timeoutMs, end, resolve } = this.#shared;
    const fault = addressFault(url, list);
    if (fault !== undefined) return { kind: 'refused', why: 'not_allowed', reason: fault };
    try {
      const keys = secrets.keysFor(this.#tenant);
      const signal = AbortSignal.any([AbortSignal.timeout(timeoutMs), end]);
      return await attempt(message, { url, keys, list, signal, resolve });
    } catch (error) {
      return { kind: 'failed', reason: (error as Error).message };
    }
  }

  /** Waits until the next attempt is due; during the shutdown only a moment. */
  async #pause(): Promise<void> {
    const { hurry, end } = this.#shared;
    if (this.#failures === 0) return;
    const wait = (ms: number, signal: AbortSignal) =>
      sleep(Math.max(0, ms), undefined, { signal, ref: false }).catch(() => {});
    if (hurry.aborted) await wait(Math.min(HURRIED_MS, this.#notBefore - Date.now()), end);
    else await wait(this.#notBefore - Date.now(), hurry);
  }

  #dropped(reason: DropReason, events: number): void {
    if (events > 0) this.#shared.observer.dropped(this.#tenant, reason, events);
  }

  /** One line when a fault begins, changes or ends. The address may contain a token, so only its host is named. */
  #say(result: AttemptResult, { url }: Destination): void {
    const { observer } = this.#shared;
    const reason = result.kind === 'delivered' ? undefined : result.reason;
    if (reason === this.#said || this.#shared.end.aborted) return;
    this.#said = reason;
    const details = { tenant: this.#tenant, host: URL.canParse(url) ? new URL(url).host : undefined };
    if (reason === undefined) observer.log('info', 'events are delivered again', details);
    else if (result.kind === 'refused')
      observer.log('warn', 'events are refused and dropped', { ...details, detail: reason });
    else observer.log('warn', 'events cannot be delivered, trying again', { ...details, detail: reason });
  }
}
