import { ServiceError } from '../errors/index.ts';

export interface BatcherOptions<T, R> {
  /** Most items in one run. */
  maxBatch: number;
  /** Most items waiting; one more is refused. */
  maxQueue: number;
  /** Waiting on purpose for a fuller batch, in milliseconds. 0, the default, never holds back a free device. */
  waitMs?: number;
  /** Runs one batch on the device; results in the order of the items. */
  run(items: T[]): Promise<R[]>;
  now?: () => number;
}

export interface SubmitOptions {
  /** Items of one key share one place in the round: a tenant's burst does not push others back. */
  key: string;
  /** Absolute time, on the clock of `now`, after which the item must not run any more. */
  deadline?: number;
  signal?: AbortSignal;
}

interface Waiting<T, R> {
  item: T;
  enqueued: number;
  deadline: number;
  resolve(result: { result: R; queuedMs: number }): void;
  reject(error: unknown): void;
  detach(): void;
}

/**
 * Work-conserving micro-batcher for one device: whenever the device is free it takes what waits, up to `maxBatch`,
 * one item per key in turn. While a batch runs the next one collects by itself, so load makes batches larger without
 * any timer and a lone request is never delayed.
 */
export class Batcher<T, R> {
  readonly #options: BatcherOptions<T, R>;
  readonly #now: () => number;
  /** Keys in round-robin order; a key's queue is first in, first out. */
  readonly #queues = new Map<string, Waiting<T, R>[]>();
  #depth = 0;
  #running = false;
  #timer: NodeJS.Timeout | undefined;
  /** Exponentially weighted milliseconds per item, for Retry-After. */
  #msPerItem = 0;

  constructor(options: BatcherOptions<T, R>) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Items waiting (not counting those on the device). */
  get depth(): number {
    return this.#depth;
  }

  /** Seconds until a full queue would have been worked off at the measured rate, at least one. */
  get retryAfterSeconds(): number {
    return Math.max(1, Math.ceil((this.#depth * this.#msPerItem) / 1000));
  }

  /** Resolves with the item's result and how long it waited. Rejects: overloaded (no room, or no time), deadline_exceeded, the signal's reason, or what `run` threw. */
  submit(item: T, options: SubmitOptions): Promise<{ result: R; queuedMs: number }> {
    const { signal } = options;
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#depth >= this.#options.maxQueue) {
      return Promise.reject(
        new ServiceError('overloaded', 'Too many images are waiting; try again shortly.', {
          retryAfter: this.retryAfterSeconds,
        }),
      );
    }
    const { deadline = Number.POSITIVE_INFINITY } = options;
    if (this.#now() + this.#expectedWaitMs(options.key) > deadline) {
      return Promise.reject(
        new ServiceError(
          'overloaded',
          'The queue is too long for the image to be looked at in time; try again shortly.',
          {
            retryAfter: this.retryAfterSeconds,
          },
        ),
      );
    }
    return new Promise((resolve, reject) => {
      const waiting: Waiting<T, R> = {
        item,
        enqueued: this.#now(),
        deadline,
        resolve,
        reject,
        detach: () => signal?.removeEventListener('abort', onAbort),
      };
      const onAbort = () => {
        if (this.#remove(options.key, waiting)) reject(signal?.reason);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      const queue = this.#queues.get(options.key);
      if (queue) queue.push(waiting);
      else this.#queues.set(options.key, [waiting]);
      this.#depth++;
      this.#wake();
    });
  }

  /** What runs before a new item of `key` does, at the measured rate: its own key's queue, and as many of every other key. */
  #expectedWaitMs(key: string): number {
    const own = this.#queues.get(key)?.length ?? 0;
    let ahead = own;
    for (const [other, queue] of this.#queues) if (other !== key) ahead += Math.min(queue.length, own + 1);
    return ahead * this.#msPerItem;
  }

  #remove(key: string, waiting: Waiting<T, R>): boolean {
    const queue = this.#queues.get(key);
    const at = queue?.indexOf(waiting) ?? -1;
    if (!queue || at < 0) return false;
    queue.splice(at, 1);
    if (queue.length === 0) this.#queues.delete(key);
    this.#depth--;
    return true;
  }

  #wake(): void {
    if (this.#running || this.#depth === 0) return;
    const { waitMs = 0, maxBatch } = this.#options;
    if (waitMs === 0 || this.#depth >= maxBatch) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      void this.#drain();
    } else {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        if (!this.#running) void this.#drain();
      }, waitMs);
    }
  }

  /** One item per key in turn; a key that was served goes to the end of the round. Expired items are answered, not run. */
  #take(): Waiting<T, R>[] {
    const batch: Waiting<T, R>[] = [];
    const now = this.#now();
    while (batch.length < this.#options.maxBatch && this.#depth > 0) {
      for (const [key, queue] of [...this.#queues]) {
        const waiting = queue.shift() as Waiting<T, R>;
        this.#depth--;
        this.#queues.delete(key);
        if (queue.length > 0) this.#queues.set(key, queue);
        waiting.detach();
        if (waiting.deadline <= now) {
          waiting.reject(
            new ServiceError('deadline_exceeded', 'The image could not be looked at before its deadline.'),
          );
        } else {
          batch.push(waiting);
          if (batch.length === this.#options.maxBatch) break;
        }
      }
    }
    return batch;
  }

  async #drain(): Promise<void> {
    this.#running = true;
    try {
      for (let batch = this.#take(); batch.length > 0; batch = this.#take()) {
        const started = this.#now();
        try {
          const results = await this.#options.run(batch.map((w) => w.item));
          for (const [i, w] of batch.entries()) {
            w.resolve({ result: results[i] as R, queuedMs: started - w.enqueued });
          }
        } catch (error) {
          for (const w of batch) w.reject(error);
        }
        const perItem = (this.#now() - started) / batch.length;
        this.#msPerItem = this.#msPerItem === 0 ? perItem : 0.9 * this.#msPerItem + 0.1 * perItem;
        if (this.#options.waitMs && this.#depth < this.#options.maxBatch) break;
      }
    } finally {
      this.#running = false;
      this.#wake();
    }
  }
}
