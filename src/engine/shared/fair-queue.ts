/** Ahead of everything, at most a few at a time; small requests; requests of many images. */
export type Priority = 'probe' | 'interactive' | 'bulk';

export interface Place {
  /** Items of one key share one place in the round. */
  key: string;
  priority: Priority;
}

/** Items per round of each key: a key of weight 2 gets twice the share of a key of weight 1. */
export type Weights = (key: string) => number;

/** The weights of a configuration; a key that is not named has 1. */
export const weightsOf =
  (named: ReadonlyMap<string, number>): Weights =>
  (key) =>
    named.get(key) ?? 1;

type Class = Exclude<Priority, 'probe'>;

/** Items of one key that have come before its bulk is looked at once. */
const INTERACTIVE_PER_BULK = 4;

interface Lane<T> {
  key: string;
  weight: number;
  /** Items it may still send in this round; fractions are kept for the next. */
  credit: number;
  /** The round that its credit was given for. */
  round: number;
  interactive: Set<T>;
  bulk: Set<T>;
  sinceBulk: number;
}

/**
 * Deficit round robin over keys, one item at a time. In every round each key with something waiting sends `weight` items, so no
 * burst of one key holds up another; within the round single items go before bulk, and a key that was idle is served in the
 * current round. Probes go first. Within a key and class: first in, first out.
 */
export class FairQueue<T> {
  readonly #lanes = new Map<string, Lane<T>>();
  readonly #places = new Map<T, { lane: Lane<T>; in: Set<T> } | null>();
  readonly #probes = new Set<T>();
  /** Keys that may still send in this round, in order. */
  #current = new Set<Lane<T>>();
  #next = new Set<Lane<T>>();
  /** Keys that emptied in this round: remembered, so that a key gets its credit only once in a round. */
  #emptied = new Set<Lane<T>>();
  #round = 0;
  readonly #weightOf: Weights;

  constructor(weightOf: Weights = () => 1) {
    this.#weightOf = weightOf;
  }

  get size(): number {
    return this.#places.size;
  }

  /** Items of one key. */
  sizeOf(key: string): number {
    const lane = this.#lanes.get(key);
    return lane ? waiting(lane) : 0;
  }

  push(item: T, { key, priority }: Place): void {
    if (priority === 'probe') {
      this.#probes.add(item);
      this.#places.set(item, null);
      return;
    }
    const lane = this.#lanes.get(key) ?? this.#open(key);
    if (waiting(lane) === 0) this.#activate(lane);
    lane[priority].add(item);
    this.#places.set(item, { lane, in: lane[priority] });
  }

  get probes(): number {
    return this.#probes.size;
  }

  /** Removes an item at any position. False when it is not in the queue (any more). */
  remove(item: T): boolean {
    const place = this.#places.get(item);
    if (place === undefined) return false;
    this.#places.delete(item);
    if (place === null) return this.#probes.delete(item);
    place.in.delete(item);
    if (waiting(place.lane) === 0) this.#deactivate(place.lane);
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
    const lane = this.#choose();
    const kind = this.#kindOf(lane);
    const item = first(lane[kind]) as T;
    lane.sinceBulk = kind === 'bulk' ? 0 : lane.sinceBulk + 1;
    lane.credit--;
    this.#current.delete(lane);
    // to the end of the line, in this round while it has credit
    if (lane.credit >= 1) this.#current.add(lane);
    else this.#next.add(lane);
    this.remove(item);
    return item;
  }

  /** How many items come before a new one of this place. */
  ahead({ key, priority }: Place): number {
    let ahead = this.#probes.size;
    if (priority === 'probe') return ahead;
    const own = this.#lanes.get(key);
    const mine = own ? (priority === 'bulk' ? waiting(own) : own.interactive.size) : 0;
    const rounds = Math.ceil((mine + 1) / this.#weightOf(key));
    ahead += mine;
    for (const lane of [...this.#current, ...this.#next]) {
      if (lane !== own) ahead += Math.min(waiting(lane), Math.ceil(rounds * lane.weight));
    }
    return ahead;
  }

  #open(key: string): Lane<T> {
    const lane: Lane<T> = {
      key,
      weight: this.#weightOf(key),
      credit: 0,
      round: -1,
      interactive: new Set(),
      bulk: new Set(),
      sinceBulk: 0,
    };
    this.#lanes.set(key, lane);
    return lane;
  }

  #activate(lane: Lane<T>): void {
    if (lane.round !== this.#round) {
      lane.round = this.#round;
      lane.credit = lane.weight;
    }
    (lane.credit >= 1 ? this.#current : this.#next).add(lane);
  }

  #deactivate(lane: Lane<T>): void {
    this.#current.delete(lane);
    this.#next.delete(lane);
    this.#emptied.add(lane);
  }

  #nextRound(): void {
    this.#round++;
    for (const lane of this.#emptied) if (waiting(lane) === 0) this.#lanes.delete(lane.key);
    this.#emptied.clear();
    const lanes = this.#next;
    this.#next = new Set();
    for (const lane of lanes) {
      lane.round = this.#round;
      lane.credit += lane.weight;
      (lane.credit >= 1 ? this.#current : this.#next).add(lane);
    }
  }

  /** The first key in line that has a single item to send, else the first. */
  #choose(): Lane<T> {
    for (const lane of this.#current) if (this.#kindOf(lane) === 'interactive') return lane;
    return first(this.#current) as Lane<T>;
  }

  #kindOf(lane: Lane<T>): Class {
    if (lane.bulk.size === 0) return 'interactive';
    if (lane.interactive.size === 0) return 'bulk';
    return lane.sinceBulk < INTERACTIVE_PER_BULK ? 'interactive' : 'bulk';
  }
}

const waiting = (lane: { interactive: Set<unknown>; bulk: Set<unknown> }) => lane.interactive.size + lane.bulk.size;

function first<T>(set: Set<T>): T | undefined {
  return set.values().next().value;
}
