import { deadlinePassed } from '../../../errors/deadline.ts';
import { CountsByKey } from '../../shared/counts-by-key.ts';
import { FairQueue, type Place, type Weights } from '../../shared/fair-queue.ts';
import type { Cores } from './cores.ts';

export type Outcome<R> = { result: R } | { error: unknown };

/** Works on a few items at a time. */
export interface Lane<T, R> {
  /** Largest number of items of one batch. */
  readonly maxBatch: number;
  /** Whether a second, full batch may be passed while the lane works, so that the next batch of a fast device is ready. */
  readonly ahead?: boolean;
  /** An outcome for each item, in their order. Rejects when the whole batch has failed. */
  run(items: T[]): Promise<Outcome<R>[]>;
  /** No request waits any more for an item that was passed to the lane. */
  drop?(item: T): void;
}

export interface LanesOptions<T, R> {
  lanes: Lane<T, R>[];
  /** Consulted before a lane begins; without it all lanes may work at once. */
  cores?: Cores;
  /** Time that a free lane waits for a fuller batch, milliseconds. 0, the default, never delays a free lane. */
  waitMs?: number;
  /** The tenants' shares; 1 each by default. */
  weightOf?: Weights;
  now?: () => number;
}

export interface SubmitOptions {
  place: Place;
  /** Latest begin of the work, on the clock of `now`. Called when a lane takes the item. */
  deadline(): number;
  signal: AbortSignal;
}

interface Waiting<T, R> {
  item: T;
  key: string;
  enqueued: number;
  /** The lane that works on it. */
  lane?: Lane<T, R>;
  deadline(): number;
  resolve(result: { result: R; queuedMs: number }): void;
  reject(error: unknown): void;
  detach(): void;
}

interface State<T, R> {
  lane: Lane<T, R>;
  batches: number;
}

/** Duration of short batches after an item of a tenant that had none here. */
const SHORT_MS = 2000;

/**
 * The queue in front of the lanes. It is work-conserving: a free lane takes waiting items, by tenant and priority, up to its batch, and the
 * waiting items are divided among the free lanes. The dispatcher in the front limits how many items wait here.
 *
 * An item that arrives while all lanes work waits until one of them ends. Full batches have the best throughput for tenants that keep the
 * lanes busy. If an item arrives of a tenant that has no other item here, lanes take one item at a time for a while, so that a lane is free sooner.
 */
export class Lanes<T, R> {
  readonly #options: LanesOptions<T, R>;
  readonly #now: () => number;
  readonly #queue: FairQueue<Waiting<T, R>>;
  readonly #states: State<T, R>[];
  /** Items waiting or in a lane, by tenant. */
  readonly #here = new CountsByKey();
  #count = 0;
  #shortUntil = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LanesOptions<T, R>) {
    this.#options = options;
    this.#queue = new FairQueue(options.weightOf);
    this.#now = options.now ?? (() => performance.now());
    this.#states = options.lanes.map((lane) => ({ lane, batches: 0 }));
  }

  /** Resolves with the item's result and its waiting time. Rejects with deadline_exceeded, the signal's reason, or the error of the item. */
  submit(item: T, { place, deadline, signal }: SubmitOptions): Promise<{ result: R; queuedMs: number }> {
    if (signal.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        waiting.lane?.drop?.(item);
        if (this.#queue.remove(waiting)) this.#end(waiting);
        reject(signal.reason);
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
      if (this.#here.of(place.key) === 0 && this.#count >= this.#states.length)
        this.#shortUntil = this.#now() + SHORT_MS;
      this.#here.add(place.key);
      this.#count++;
      this.#queue.push(waiting, place);
      this.#wake();
    });
  }

  #end(waiting: Waiting<T, R>): void {
    waiting.detach();
    this.#here.remove(waiting.key);
    this.#count--;
  }

  #most({ maxBatch }: Lane<T, R>): number {
    return this.#now() <= this.#shortUntil ? 1 : maxBatch;
  }

  #takes = ({ lane, batches }: State<T, R>): boolean =>
    batches === 0 ||
    (batches === 1 && lane.ahead === true && this.#queue.size >= lane.maxBatch && this.#now() > this.#shortUntil);

  #wake(): void {
    while (this.#queue.size > 0) {
      const free = this.#states.filter(this.#takes);
      const [state] = free;
      if (!state) return;
      const most = this.#most(state.lane);
      if (this.#waits(most)) return;
      if (this.#options.cores?.enter() === false) return;
      void this.#run(state, this.#take(Math.min(most, Math.ceil(this.#queue.size / free.length))));
    }
  }

  /** Whether an incomplete batch waits for more items; only if `waitMs` is set. */
  #waits(most: number): boolean {
    const { waitMs = 0 } = this.#options;
    if (waitMs === 0 || this.#queue.size >= most || this.#over) return false;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#over = true;
      this.#wake();
      this.#over = false;
    }, waitMs);
    return true;
  }
  /** `waitMs` have passed: the batch starts even if it is not full. */
  #over = false;

  /** The next items to run. Items past their deadline are answered with its error instead. */
  #take(most: number): Waiting<T, R>[] {
    const batch: Waiting<T, R>[] = [];
    const now = this.#now();
    while (batch.length < most) {
      const waiting = this.#queue.shift();
      if (!waiting) break;
      if (waiting.deadline() > now) batch.push(waiting);
      else {
        this.#end(waiting);
        waiting.reject(deadlinePassed.beforeRun());
      }
    }
    return batch;
  }

  async #run(state: State<T, R>, batch: Waiting<T, R>[]): Promise<void> {
    const { cores } = this.#options;
    if (batch.length === 0) {
      cores?.leave();
      return;
    }
    const started = this.#now();
    const { lane } = state;
    state.batches++;
    for (const waiting of batch) waiting.lane = lane;
    const outcomes = await lane.run(batch.map(({ item }) => item)).catch((error) => batch.map(() => ({ error })));
    cores?.leave();
    state.batches--;
    for (const waiting of batch) this.#end(waiting);
    // the lane gets its next batch before the finished items are answered
    this.#wake();
    for (const [i, { resolve, reject, enqueued }] of batch.entries()) {
      const outcome = outcomes[i] as Outcome<R>;
      if ('error' in outcome) reject(outcome.error);
      else resolve({ result: outcome.result, queuedMs: started - enqueued });
    }
  }
}
