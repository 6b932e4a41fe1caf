const FIRST_MS = 100;
const LONGEST_MS = 30_000;
/** A process that ran for this long was not part of a crash loop. */
const STABLE_MS = 30_000;

/**
 * Delay before the next process is started. It doubles after each process that ended early, and starts again from the smallest value
 * after one that did not. Half of it is random, so that replicas that ended for one cause do not restart at the same time.
 */
export class Backoff {
  readonly #random: () => number;
  #attempts = 0;

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** Number of consecutive processes that ended early. */
  get attempts(): number {
    return this.#attempts;
  }

  /** Milliseconds, after a process that ran for `ranMs`. */
  next(ranMs: number): number {
    if (ranMs >= STABLE_MS) this.#attempts = 0;
    const longest = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#attempts);
    this.#attempts++;
    return Math.round(longest * (0.5 + 0.5 * this.#random()));
  }
}
