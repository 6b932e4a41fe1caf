/** Stored instead of the number of batches while one run uses all cores. */
const WIDE = -1;

/**
 * The number of batches that lanes of the engine process have now, in memory that its threads share. A lane works on one batch at a time and may
 * have the next one already. A batch that is alone may use all cores for its run; no other one is handed over until that run has ended.
 */
export class Cores {
  readonly shared: SharedArrayBuffer;
  readonly #state: Int32Array;

  constructor(shared = new SharedArrayBuffer(4)) {
    this.shared = shared;
    this.#state = new Int32Array(shared);
  }

  /** A lane begins to work. False while one run uses all cores. */
  enter(): boolean {
    for (;;) {
      const working = Atomics.load(this.#state, 0);
      if (working === WIDE) return false;
      if (Atomics.compareExchange(this.#state, 0, working, working + 1) === working) return true;
    }
  }

  /** Gives all cores to the lane that works. False if it does not work alone. */
  widen(): boolean {
    return Atomics.compareExchange(this.#state, 0, 1, WIDE) === 1;
  }

  /** A lane has ended its work, on one core or on all. */
  leave(): void {
    if (Atomics.compareExchange(this.#state, 0, WIDE, 0) !== WIDE) Atomics.sub(this.#state, 0, 1);
  }
}
