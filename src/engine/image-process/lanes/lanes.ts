import { ServiceError } from '../../../errors/index.ts';
import { CountsByKey } from '../../shared/counts-by-key.ts';
import { FairQueue, type Place, type Weights } from '../../shared/fair-queue.ts';
import type { Cores } from './cores.ts';

export type Outcome<R> = { result: R } | { error: unknown };

/** One that works on a few items at a time. */
export interface Lane<T, R> {
  /** Most items at once. */
  readonly maxBatch: number;
  /** A second, full batch may be handed over while one is worked on, so that a fast device finds its next batch assembled. */
  readonly ahead?: boolean;
  /** An outcome for each item, in their order. Rejects when the whole batch has failed. */
  run(items: T[]): Promise<Outcome<R>[]>;
  /** Nobody waits for an item that was handed over. */
  drop?(item: T): void;
}

export interface LanesOptions<T, R> {
  lanes: Lane<T, R>[];
  /** Asked before a lane begins; without it all lanes may work at once. */
  cores?: Cores;
  /** Waiting on purpose for a fuller batch, in milliseconds. 0, the default, never holds back a free lane. */
  waitMs?: number;
  /** The tenants' shares; 1 each where nothing is said. */
  weightOf?: Weights;
  now?: () => number;
}

export interface SubmitOptions {
  place: Place;
  /** On the clock of `now`: after this the item must not be begun any more. Asked when a lane is free. */
  deadline(): number;
  signal: AbortSignal;
}

interface Waiting<T, R> {
  item: T;
  key: string;
  enqueued: number;
  /** The lane that has it. */
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

/** For how long runs are kept short after a tenant has come that asks for little. */
const SHORT_MS = 2000;

/**
 * The queue in front of the lanes. It is work-conserving: a free lane takes what waits, by tenant and priority, up to its batch; what waits is
 * divided among the lanes that are free. How much may wait here is the dispatcher's business.
 *
 * An item that comes while all lanes work waits until one of them ends. Where all items are of tenants that keep the lanes busy, full batches serve
 * them best. While there is a tenant that asks for little, which has nothing here when its item comes, lanes take one item at a time: then the next lane
 * is free soon.
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

  /** Resolves with the item's result and how long it waited. Rejects: deadline_exceeded, the signal's reason, or what came of the item. */
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
    batches === 0 || (batches === 1 && lane.ahead === true && this.#queue.size >= lane.maxBatch);

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

  /** Whether a batch that is not full is held back, where that is asked for. */
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
  /** The time of waiting on purpose is over. */
  #over = false;

  /** The next of what waits. What is too late is answered, not run. */
  #take(most: number): Waiting<T, R>[] {
    const batch: Waiting<T, R>[] = [];
    const now = this.#now();
    while (batch.length < most) {
      const waiting = this.#queue.shift();
      if (!waiting) break;
      if (waiting.deadline() > now) batch.push(waiting);
      else {
        this.#end(waiting);
        waiting.reject(new ServiceError('deadline_exceeded', 'The image could not be looked at before its deadline.'));
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
    // the lane first, then those that wait for its answers
    this.#wake();
    for (const [i, { resolve, reject, enqueued }] of batch.entries()) {
      const outcome = outcomes[i] as Outcome<R>;
      if ('error' in outcome) reject(outcome.error);
      else resolve({ result: outcome.result, queuedMs: started - enqueued });
    }
  }
}
