/** Length of the history of the measured rate, milliseconds of work. */
const MEMORY_MS = 3000;
/** Shortest measured period while images remain inside; the images of one batch leave within less time than this. */
const STRETCH_MS = 100;

/**
 * The rate of all engines together, measured only while they work, because idle time does not show their capacity. Images leave in
 * batches, so a period begins with the first image of one batch and ends with the first image of another; the images that leave in
 * between are counted. If the work ends earlier, the whole of it is one period.
 */
export class ServiceRate {
  #msPerImage = 0;
  #inside = 0;
  #began = 0;
  /** Start of the current period, and the images that have left in it; undefined until the first image has left. */
  #stretch: { since: number; left: number } | undefined;
  #measured = false;

  /** Milliseconds per image; 0 before the first measurement. */
  get msPerImage(): number {
    return this.#msPerImage;
  }

  entered(now: number): void {
    if (this.#inside++ > 0) return;
    this.#began = now;
    this.#stretch = undefined;
    this.#measured = false;
  }

  /** @param counts false for images that were not run: cancelled ones, and those inside an engine process that ended */
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

  #measure(elapsedMs: number, images: number): void {
    const share = this.#msPerImage === 0 ? 1 : 1 - Math.exp(-elapsedMs / MEMORY_MS);
    this.#msPerImage += share * (elapsedMs / images - this.#msPerImage);
    this.#measured = true;
  }
}
