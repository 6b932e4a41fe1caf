import { ServiceError } from '../errors/index.ts';
import { FairQueue, type Place } from './admission/fair-queue.ts';

export interface BatcherOptions<T, R> {
  /** Most items in one run. */
  maxBatch: number;
  /** Waiting on purpose for a fuller batch, in milliseconds. 0, the default, never holds back a free device. */
  waitMs?: number;
  /**
   * Runs that may be with the device at once, 1 unless said otherwise. A second one is handed over early only when it is full, so
   * that a fast device finds its next batch assembled; waiting could not make that one any better.
   */
  depth?: number;
  /** Runs one batch on the device; results in the order of the items. */
  run(items: T[]): Promise<R[]>;
  now?: () => number;
}

export interface SubmitOptions {
  place: Place;
  /** On the clock of `now`: after this the item must not run any more. Asked when the device is free. */
  deadline(): number;
  signal: AbortSignal;
}

interface Waiting<T, R> {
  item: T;
  enqueued: number;
  deadline(): number;
  resolve(result: { result: R; queuedMs: number }): void;
  reject(error: unknown): void;
  detach(): void;
}

/** Longest run in milliseconds, as far as fewer images can make it so: a model that takes long for one image gains nothing from many at a time. */
const LONG_RUN_MS = 400;
/** The same while several tenants ask. */
const SHARED_RUN_MS = 20;
/** For how long a device counts as shared after a tenant other than the one before has asked. */
const SHARED_MS = 2000;

/**
 * Work-conserving micro-batcher for one device: whenever the device is free it takes what waits, up to `maxBatch`, by tenant
 * and priority. While a batch runs the next one collects by itself, so load makes batches larger without any timer and a
 * lone image is never delayed. How much may wait here is the dispatcher's business.
 *
 * Whoever comes while a batch runs waits for its end. A tenant that is alone waits for itself, and full batches give it most; tenants that
 * share a device would wait for each other, and get short runs. A device that is through with a full batch in that time never notices.
 */
export class Batcher<T, R> {
  readonly #options: BatcherOptions<T, R>;
  readonly #now: () => number;
  readonly #queue = new FairQueue<Waiting<T, R>>();
  #running = 0;
  /** Milliseconds of a run per image, smoothed; 0 before the first. */
  #msPerItem = 0;
  #lastKey: string | undefined;
  #sharedUntil = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: BatcherOptions<T, R>) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Resolves with the item's result and how long it waited. Rejects: deadline_exceeded, the signal's reason, or what `run` threw. */
  submit(item: T, { place, deadline, signal }: SubmitOptions): Promise<{ result: R; queuedMs: number }> {
    if (signal.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        if (this.#queue.remove(waiting)) reject(signal.reason);
      };
      const waiting: Waiting<T, R> = {
        item,
        enqueued: this.#now(),
        deadline,
        resolve,
        reject,
        detach: () => signal.removeEventListener('abort', onAbort),
      };
      signal.addEventListener('abort', onAbort, { once: true });
      if (this.#lastKey !== undefined && place.key !== this.#lastKey) this.#sharedUntil = this.#now() + SHARED_MS;
      this.#lastKey = place.key;
      this.#queue.push(waiting, place);
      this.#wake();
    });
  }

  /** Most images of the next run. */
  get #limit(): number {
    const { maxBatch } = this.#options;
    if (this.#msPerItem === 0) return maxBatch;
    const longest = this.#now() > this.#sharedUntil ? LONG_RUN_MS : SHARED_RUN_MS;
    return Math.max(1, Math.min(maxBatch, Math.floor(longest / this.#msPerItem)));
  }

  #wake(): void {
    const { waitMs = 0, depth = 1 } = this.#options;
    const full = this.#queue.size >= this.#limit;
    if (this.#queue.size === 0 || this.#running >= (full ? depth : 1)) return;
    if (waitMs === 0 || full) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      void this.#runOne();
    } else {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        if (this.#running === 0) void this.#runOne();
      }, waitMs);
    }
  }

  /** What is too late is answered, not run. */
  #take(): Waiting<T, R>[] {
    const batch: Waiting<T, R>[] = [];
    const now = this.#now();
    const limit = this.#limit;
    while (batch.length < limit) {
      const waiting = this.#queue.shift();
      if (!waiting) break;
      waiting.detach();
      if (waiting.deadline() > now) batch.push(waiting);
      else
        waiting.reject(new ServiceError('deadline_exceeded', 'The image could not be looked at before its deadline.'));
    }
    return batch;
  }

  async #runOne(): Promise<void> {
    const batch = this.#take();
    if (batch.length === 0) return;
    const started = this.#now();
    this.#running++;
    // a full second batch may follow at once
    this.#wake();
    try {
      const results = await this.#options.run(batch.map((w) => w.item));
      this.#running--;
      const each = (this.#now() - started) / batch.length;
      this.#msPerItem = this.#msPerItem === 0 ? each : 0.8 * this.#msPerItem + 0.2 * each;
      // the device first, then those that wait for its answers
      this.#wake();
      for (const [i, w] of batch.entries()) w.resolve({ result: results[i] as R, queuedMs: started - w.enqueued });
    } catch (error) {
      this.#running--;
      this.#wake();
      for (const w of batch) w.reject(error);
    }
  }
}
