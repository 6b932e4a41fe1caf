/** One item of the stream. Its true count is at most `count` and at least `count - error`. */
export interface Counted {
  item: string;
  count: number;
  error: number;
}

/**
 * The commonest items of a stream in bounded memory: Space-Saving, by Metwally, Agrawal and El Abbadi, "Efficient Computation of Frequent and
 * Top-k Elements in Data Streams" (ICDT 2005). Of n items no count is too high by more than n / capacity, and every item
 * with more than n / capacity occurrences is among the counted ones.
 */
export class SpaceSaving {
  readonly #capacity: number;
  readonly #counters = new Map<string, { count: number; error: number }>();
  #total = 0;

  /** @throws RangeError for a capacity that is no positive integer */
  constructor(capacity: number) {
    if (!Number.isInteger(capacity) || capacity < 1) throw new RangeError(`${capacity} is no capacity`);
    this.#capacity = capacity;
  }

  /** Number of items so far. */
  get total(): number {
    return this.#total;
  }

  add(item: string): void {
    this.#total++;
    const known = this.#counters.get(item);
    if (known) {
      known.count++;
      return;
    }
    if (this.#counters.size < this.#capacity) {
      this.#counters.set(item, { count: 1, error: 0 });
      return;
    }
    const [rarest, { count }] = this.#rarest();
    this.#counters.delete(rarest);
    this.#counters.set(item, { count: count + 1, error: count });
  }

  /** The first of the items with the smallest count. */
  #rarest(): [string, { count: number }] {
    let found: [string, { count: number }] | undefined;
    for (const entry of this.#counters) if (!found || entry[1].count < found[1].count) found = entry;
    return found as [string, { count: number }];
  }

  /** The `k` items with the largest counts, ties by item. */
  top(k: number): Counted[] {
    const all = [...this.#counters].map(([item, counter]) => ({ item, ...counter }));
    return all.sort((a, b) => b.count - a.count || (a.item < b.item ? -1 : 1)).slice(0, k);
  }
}
