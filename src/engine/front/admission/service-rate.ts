/** Length of the history of the measured rate, milliseconds of work. */
const MEMORY_MS = 3000;
/** Shortest stretch of work that is measured while more is to come; images of one batch leave closer together than this. */
const STRETCH_MS = 100;

/**
 * Images per time of all engines together, measured while they work: idle time says nothing about what they can do.
 * Images leave in batches, so a stretch goes from the first of one batch to the first of another, and all that left
 * in between count; a short spell of work is measured as a whole, when nothing is inside any more.
 */
export class ServiceRate {
  #msPerImage = 0;
  #inside = 0;
  #began = 0;
  /** Start of the stretch, and how many have left in it; undefined until the first of a spell has left. */
  #stretch: { since: number; left: number } | undefined;
  #measured = false;

  /** Milliseconds per image; 0 before anything was measured. */
  get msPerImage(): number {
    return this.#msPerImage;
  }

  entered(now: number): void {
    if (this.#inside++ > 0) return;
    this.#began = now;
    this.#stretch = undefined;
    this.#measured = false;
  }

  /** @param counts false for images that were not run: cancelled, or lost with their engine */
  left(now: number, counts: boolean): void {
    this.#inside--;
    if (counts) {
      const stretch = this.#stretch;
      if (stretch && now - stretch.since >= STRETCH_MS) this.#measure(now - stretch.since, stretch.left);
      if (!stretch || now - stretch.since >= STRETCH_MS) this.#stretch = { since: now, left: 1 };
      else stretch.left++;
    }
    if (this.#inside === 0 && !this.#measured && this.#stretch) this.#measure(now - this.#began, this.#stretch.left);
  }

  #measure(elapsed: number, images: number): void {
    const share = this.#msPerImage === 0 ? 1 : 1 - Math.exp(-elapsed / MEMORY_MS);
    this.#msPerImage += share * (elapsed / images - this.#msPerImage);
    this.#measured = true;
  }
}
