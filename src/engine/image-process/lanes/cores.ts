/** All cores belong to one run. */
const WIDE = -1;

/**
 * How many lanes of the engine process work now, in memory that its threads share. A lane never has more than one thread that can run, so
 * lanes in use are cores in use. A lane that works alone may take all cores for its run; no other lane begins until that run has ended.
 */
export class Cores {
  readonly shared: SharedArrayBuffer;
  readonly #state: Int32Array;

  constructor(shared = new SharedArrayBuffer(4)) {
    this.shared = shared;
    this.#state = new Int32Array(shared);
  }

  /** A lane begins. False while one run has all cores. */
  enter(): boolean {
    for (;;) {
      const working = Atomics.load(this.#state, 0);
      if (working === WIDE) return false;
      if (Atomics.compareExchange(this.#state, 0, working, working + 1) === working) return true;
    }
  }

  /** Takes all cores for the lane that works. False when it does not work alone. */
  widen(): boolean {
    return Atomics.compareExchange(this.#state, 0, 1, WIDE) === 1;
  }

  /** A lane has ended, whether it had one core or all. */
  leave(): void {
    if (Atomics.compareExchange(this.#state, 0, WIDE, 0) !== WIDE) Atomics.sub(this.#state, 0, 1);
  }
}
