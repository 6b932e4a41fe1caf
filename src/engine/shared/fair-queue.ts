/** `probe`: before all others, at most a few at a time; `interactive`: small requests; `bulk`: requests of many images. */
export type Priority = 'probe' | 'interactive' | 'bulk';

export interface Place {
  /** The items of one key share its part of each round. */
  key: string;
  priority: Priority;
}

/** Items per round of each key: a key of weight 2 gets twice the share of a key of weight 1. */
export type Weights = (key: string) => number;

/** Weights from a map; a key that is not in it has weight 1. */
export const weightsOf =
  (named: ReadonlyMap<string, number>): Weights =>
  (key) =>
    named.get(key) ?? 1;

type Class = Exclude<Priority, 'probe'>;

/** Number of interactive items of a key that are taken before one of its bulk items. */
const INTERACTIVE_PER_BULK = 4;

interface KeyQueue<T> {
  key: string;
  weight: number;
  /** Items that it may still send in this round; a fraction is kept for the next one. */
  credit: number;
  /** The round in which it received its credit. */
  round: number;
  interactive: Set<T>;
  bulk: Set<T>;
  sinceBulk: number;
}

/**
 * Deficit round robin over keys, one item at a time. In every round each key with waiting items sends `weight` items, so a burst of one
 * key does not delay another. Within the round interactive items come before bulk, and a key that was idle is served in the current
 * round. Probes come first. Within a key and priority the order is first in, first out.
 */
export class FairQueue<T> {
  readonly #queues = new Map<string, KeyQueue<T>>();
  readonly #places = new Map<T, { queue: KeyQueue<T>; in: Set<T> } | null>();
  readonly #probes = new Set<T>();
  /** Keys that may still send in this round, in order. */
  #current = new Set<KeyQueue<T>>();
  #next = new Set<KeyQueue<T>>();
  /** Keys that have become empty in this round; remembered, so that a key gets its credit only once in a round. */
  #emptied = new Set<KeyQueue<T>>();
  #round = 0;
  readonly #weightOf: Weights;

  constructor(weightOf: Weights = () => 1) {
    this.#weightOf = weightOf;
  }

  get size(): number {
    return this.#places.size;
  }

  /** Number of waiting items of one key. */
  sizeOf(key: string): number {
    const queue = this.#queues.get(key);
    return queue ? waiting(queue) : 0;
  }

  push(item: T, { key, priority }: Place): void {
    if (priority === 'probe') {
      this.#probes.add(item);
      this.#places.set(item, null);
      return;
    }
    const queue = this.#queues.get(key) ?? this.#open(key);
    if (waiting(queue) === 0) this.#activate(queue);
    queue[priority].add(item);
    this.#places.set(item, { queue, in: queue[priority] });
  }

  get probes(): number {
    return this.#probes.size;
  }

  /** Removes an item at any position. False if it is not in the queue. */
  remove(item: T): boolean {
    const place = this.#places.get(item);
    if (place === undefined) return false;
    this.#places.delete(item);
    if (place === null) return this.#probes.delete(item);
    place.in.delete(item);
    if (waiting(place.queue) === 0) this.#deactivate(place.queue);
    return true;
  }

  /** Removes and returns the next item. */
  shift(): T | undefined {
    const probe = first(this.#probes);
    if (probe !== undefined) {
      this.remove(probe);
      return probe;
    }
    if (this.size === 0) return undefined;
    while (this.#current.size === 0) this.#nextRound();
    const queue = this.#choose();
    const kind = this.#kindOf(queue);
    const item = first(queue[kind]) as T;
    queue.sinceBulk = kind === 'bulk' ? 0 : queue.sinceBulk + 1;
    queue.credit--;
    this.#current.delete(queue);
    // the key goes to the end: of this round while it has credit, otherwise of the next one
    if (queue.credit >= 1) this.#current.add(queue);
    else this.#next.add(queue);
    this.remove(item);
    return item;
  }

  /** Number of items that would be taken before a new one of this place. */
  ahead({ key, priority }: Place): number {
    let ahead = this.#probes.size;
    if (priority === 'probe') return ahead;
    const own = this.#queues.get(key);
    const mine = own ? (priority === 'bulk' ? waiting(own) : own.interactive.size) : 0;
    const rounds = Math.ceil((mine + 1) / this.#weightOf(key));
    ahead += mine;
    for (const queue of [...this.#current, ...this.#next]) {
      if (queue !== own) ahead += Math.min(waiting(queue), Math.ceil(rounds * queue.weight));
    }
    return ahead;
  }

  #open(key: string): KeyQueue<T> {
    const queue: KeyQueue<T> = {
      key,
      weight: this.#weightOf(key),
      credit: 0,
      round: -1,
      interactive: new Set(),
      bulk: new Set(),
      sinceBulk: 0,
    };
    this.#queues.set(key, queue);
    return queue;
  }

  #activate(queue: KeyQueue<T>): void {
    if (queue.round !== this.#round) {
      queue.round = this.#round;
      queue.credit = queue.weight;
    }
    (queue.credit >= 1 ? this.#current : this.#next).add(queue);
  }

  #deactivate(queue: KeyQueue<T>): void {
    this.#current.delete(queue);
    this.#next.delete(queue);
    this.#emptied.add(queue);
  }

  #nextRound(): void {
    this.#round++;
    for (const queue of this.#emptied) if (waiting(queue) === 0) this.#queues.delete(queue.key);
    this.#emptied.clear();
    const active = this.#next;
    this.#next = new Set();
    for (const queue of active) {
      queue.round = this.#round;
      queue.credit += queue.weight;
      (queue.credit >= 1 ? this.#current : this.#next).add(queue);
    }
  }

  /** The first key with an interactive item, otherwise the first key. */
  #choose(): KeyQueue<T> {
    for (const queue of this.#current) if (this.#kindOf(queue) === 'interactive') return queue;
    return first(this.#current) as KeyQueue<T>;
  }

  #kindOf(queue: KeyQueue<T>): Class {
    if (queue.bulk.size === 0) return 'interactive';
    if (queue.interactive.size === 0) return 'bulk';
    return queue.sinceBulk < INTERACTIVE_PER_BULK ? 'interactive' : 'bulk';
  }
}

const waiting = (queue: { interactive: Set<unknown>; bulk: Set<unknown> }) => queue.interactive.size + queue.bulk.size;

function first<T>(set: Set<T>): T | undefined {
  return set.values().next().value;
}
