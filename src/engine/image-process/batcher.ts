import { ServiceError } from '../../errors/index.ts';
import { CountsByKey } from '../shared/counts-by-key.ts';
import { FairQueue, type Place, type Weights } from '../shared/fair-queue.ts';

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
  /** The tenants' shares of the device; 1 each where nothing is said. */
  weightOf?: Weights;
  /** Runs one batch on the device; results in the order of the items. */
  run(items: T[]): Promise<R[]>;
  /** The light lane, asked for when it is wanted; undefined where there is none (yet). */
  lightLane?: () => LightRunner<T, R> | undefined;
  now?: () => number;
}

/** Runs a few items while a batch is running. */
export interface LightRunner<T, R> {
  maxBatch: number;
  run(items: T[]): Promise<R[]>;
}

export interface SubmitOptions {
  place: Place;
  /** On the clock of `now`: after this the item must not run any more. Asked when the device is free. */
  deadline(): number;
  signal: AbortSignal;
}

interface Waiting<T, R> {
  item: T;
  key: string;
  enqueued: number;
  deadline(): number;
  resolve(result: { result: R; queuedMs: number }): void;
  reject(error: unknown): void;
  detach(): void;
}

/** Longest run in milliseconds, as far as fewer images can make it so: a model that takes long for one image gains nothing from many at a time. */
const LONG_RUN_MS = 400;
/** The same while several tenants ask, and for runs of the light lane. */
const SHORT_RUN_MS = 20;
/** For how long a device counts as shared after a tenant other than the one before has asked. */
const SHARED_MS = 2000;

/**
 * Work-conserving micro-batcher for one device: whenever the device is free it takes what waits, up to `maxBatch`, by tenant
 * and priority. While a batch runs the next one collects by itself, so load makes batches larger without any timer and a
 * lone image is never delayed. How much may wait here is the dispatcher's business.
 *
 * An item that comes while a batch runs waits for its end. Full batches serve a tenant best as long as it is the only one. A tenant that asks
 * for less than its share is light: its items run in the light lane, a few at a time, while the batch runs. Without a light lane, runs are short
 * as long as several tenants share the device; a device that finishes a full batch within that time keeps its full batches.
 */
export class Batcher<T, R> {
  readonly #options: BatcherOptions<T, R>;
  readonly #now: () => number;
  readonly #queue: FairQueue<Waiting<T, R>>;
  #running = 0;
  /** Tenants of the batches that are running. */
  readonly #inside = new CountsByKey();
  /** Waiting items of tenants that were light when the item came. */
  readonly #light = new Set<Waiting<T, R>>();
  #lightLane: LightRunner<T, R> | undefined;
  #lightRunning = false;
  /** Milliseconds of a run per image, smoothed; 0 before the first. */
  #msPerItem = 0;
  #lastKey: string | undefined;
  #sharedUntil = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: BatcherOptions<T, R>) {
    this.#options = options;
    this.#queue = new FairQueue(options.weightOf);
    this.#now = options.now ?? (() => performance.now());
  }

  /** Resolves with the item's result and how long it waited. Rejects: deadline_exceeded, the signal's reason, or what `run` threw. */
  submit(item: T, { place, deadline, signal }: SubmitOptions): Promise<{ result: R; queuedMs: number }> {
    if (signal.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#light.delete(waiting);
        if (this.#queue.remove(waiting)) reject(signal.reason);
      };
      const waiting: Waiting<T, R> = {
        item,
        key: place.key,
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
      if (this.#running > 0 && this.#asksForLittle(place.key)) {
        this.#lightLane ??= this.#options.lightLane?.();
        if (this.#lightLane) this.#light.add(waiting);
      }
      this.#wake();
    });
  }

  /**
   * Whether a tenant has less here than its even share of a batch. Having no item in the batch cannot be the test: a tenant whose items come
   * faster than batches end would never get out of the batches again.
   */
  #asksForLittle(key: string): boolean {
    const tenants = this.#inside.keysWith(key);
    return (
      tenants > 1 && this.#inside.of(key) + this.#queue.sizeOf(key) <= Math.max(1, this.#options.maxBatch / tenants)
    );
  }

  /** Most images of the next run. */
  get #limit(): number {
    const short = !this.#lightLane && this.#now() <= this.#sharedUntil;
    return this.#within(short ? SHORT_RUN_MS : LONG_RUN_MS, this.#options.maxBatch);
  }

  /** Images that a run of this time has room for, at least one. */
  #within(ms: number, maxBatch: number): number {
    if (this.#msPerItem === 0) return maxBatch;
    return Math.max(1, Math.min(maxBatch, Math.floor(ms / this.#msPerItem)));
  }

  #wake(): void {
    const { waitMs = 0, depth = 1 } = this.#options;
    if (this.#lightLane && this.#light.size > 0 && !this.#lightRunning && this.#running > 0)
      void this.#runLight(this.#lightLane);
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

  /** The next of what waits. What is too late is answered, not run. */
  #take(limit: number, next: () => Waiting<T, R> | undefined): Waiting<T, R>[] {
    const batch: Waiting<T, R>[] = [];
    const now = this.#now();
    while (batch.length < limit) {
      const waiting = next();
      if (!waiting) break;
      waiting.detach();
      this.#light.delete(waiting);
      if (waiting.deadline() > now) batch.push(waiting);
      else
        waiting.reject(new ServiceError('deadline_exceeded', 'The image could not be looked at before its deadline.'));
    }
    return batch;
  }

  async #runOne(): Promise<void> {
    const batch = this.#take(this.#limit, () => this.#queue.shift());
    if (batch.length === 0) return;
    const started = this.#now();
    this.#running++;
    for (const { key } of batch) this.#inside.add(key);
    // a full second batch may follow at once
    this.#wake();
    await this.#run(batch, started, this.#options.run, () => {
      this.#running--;
      for (const { key } of batch) this.#inside.remove(key);
      const each = (this.#now() - started) / batch.length;
      this.#msPerItem = this.#msPerItem === 0 ? each : 0.8 * this.#msPerItem + 0.2 * each;
    });
  }

  async #runLight({ maxBatch, run }: LightRunner<T, R>): Promise<void> {
    const batch = this.#take(this.#within(SHORT_RUN_MS, maxBatch), () => {
      const [waiting] = this.#light;
      if (waiting) this.#queue.remove(waiting);
      return waiting;
    });
    if (batch.length === 0) return;
    this.#lightRunning = true;
    await this.#run(batch, this.#now(), run, () => {
      this.#lightRunning = false;
    });
  }

  async #run(
    batch: Waiting<T, R>[],
    started: number,
    run: (items: T[]) => Promise<R[]>,
    ended: () => void,
  ): Promise<void> {
    try {
      const results = await run(batch.map((w) => w.item)).finally(ended);
      // the device first, then those that wait for its answers
      this.#wake();
      for (const [i, w] of batch.entries()) w.resolve({ result: results[i] as R, queuedMs: started - w.enqueued });
    } catch (error) {
      this.#wake();
      for (const w of batch) w.reject(error);
    }
  }
}
