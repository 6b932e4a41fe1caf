/** Part of the time in which lanes may be idle although images wait, and the most of it that is kept, milliseconds. */
const PART = 1 / 8;
const MOST_MS = 25;

/** Bounds the time in which a free lane takes nothing, so that the images that wait are never delayed for long. */
export class IdleAllowance {
  #left = MOST_MS;
  #seen: number;
  #began: number | undefined;

  constructor(now: number) {
    this.#seen = now;
  }

  /** Milliseconds for which a lane may be idle from `now` on; 0 or less for none. */
  left(now: number): number {
    const elapsed = now - this.#seen;
    this.#seen = now;
    const spent = this.#began === undefined ? 0 : elapsed;
    this.#left = Math.min(MOST_MS, this.#left + PART * elapsed) - spent;
    return this.#left;
  }

  /** A lane is idle from now on, or no longer. */
  idle(on: boolean, now: number): void {
    this.left(now);
    this.#began = on ? now : undefined;
  }
}
