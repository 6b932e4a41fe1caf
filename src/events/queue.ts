/** An event that waits. */
export interface Queued {
  text: string;
  bytes: number;
  /** When it was queued, on the clock of Date.now(). */
  at: number;
}

export interface QueueLimits {
  maxEvents: number;
  maxBytes: number;
}

/** Array with a moving start, so that taking from the front does not copy the rest each time. */
class Line {
  #items: Queued[] = [];
  #start = 0;
  bytes = 0;

  get length(): number {
    return this.#items.length - this.#start;
  }

  get first(): Queued | undefined {
    return this.#items[this.#start];
  }

  push(item: Queued): void {
    this.#items.push(item);
    this.bytes += item.bytes;
  }

  shift(): Queued | undefined {
    const item = this.#items[this.#start];
    if (!item) return undefined;
    this.bytes -= item.bytes;
    if (++this.#start > 1000) {
      this.#items = this.#items.slice(this.#start);
      this.#start = 0;
    }
    return item;
  }
}

/**
 * The events of all tenants that wait, bounded in number and in bytes. A full queue drops the oldest event of the tenant that uses the most of it, so
 * that a receiver that is away costs its own tenant only. Events that were taken count until they are released.
 */
export class EventQueue {
  readonly #limits: QueueLimits;
  readonly #lines = new Map<string, Line>();
  /** Events in the queue, those that were taken included. */
  events = 0;
  bytes = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  /** Adds an event. @returns the tenants of the events that were dropped for it, which may be this tenant */
  add(tenant: string, text: string, at: number): string[] {
    const item = { text, bytes: Buffer.byteLength(text), at };
    const dropped: string[] = [];
    while (this.events + 1 > this.#limits.maxEvents || this.bytes + item.bytes > this.#limits.maxBytes) {
      const victim = this.#largest();
      // all that is left is being sent, so there is no room for the new one
      if (victim === undefined) return [...dropped, tenant];
      this.release([this.#shift(victim) as Queued]);
      dropped.push(victim);
    }
    const line = this.#lines.get(tenant) ?? new Line();
    this.#lines.set(tenant, line);
    line.push(item);
    this.events++;
    this.bytes += item.bytes;
    return dropped;
  }

  /** Takes the oldest events of a tenant: at least one if there is one, at most so many that they fit. */
  take(tenant: string, most: QueueLimits): Queued[] {
    const taken: Queued[] = [];
    let bytes = 0;
    for (;;) {
      const next = this.#lines.get(tenant)?.first;
      if (!next || taken.length >= most.maxEvents) return taken;
      if (taken.length > 0 && bytes + next.bytes > most.maxBytes) return taken;
      bytes += next.bytes;
      taken.push(this.#shift(tenant) as Queued);
    }
  }

  /** Frees the room of events that were taken. */
  release(items: readonly Queued[]): void {
    this.events -= items.length;
    for (const item of items) this.bytes -= item.bytes;
  }

  /** Events of a tenant that wait, and their bytes. */
  waiting(tenant: string): { events: number; bytes: number } {
    const line = this.#lines.get(tenant);
    return { events: line?.length ?? 0, bytes: line?.bytes ?? 0 };
  }

  tenants(): string[] {
    return [...this.#lines.keys()];
  }

  /** When the oldest waiting event was queued; undefined if none waits. */
  oldest(): number | undefined {
    let oldest: number | undefined;
    for (const { first } of this.#lines.values()) if (first && !(first.at >= (oldest ?? Infinity))) oldest = first.at;
    return oldest;
  }

  #shift(tenant: string): Queued | undefined {
    const line = this.#lines.get(tenant);
    const item = line?.shift();
    if (line?.length === 0) this.#lines.delete(tenant);
    return item;
  }

  #largest(): string | undefined {
    let largest: [string, number] | undefined;
    for (const [tenant, { bytes }] of this.#lines) if (bytes > (largest?.[1] ?? 0)) largest = [tenant, bytes];
    return largest?.[0];
  }
}
