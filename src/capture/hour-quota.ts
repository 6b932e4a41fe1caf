const HOUR_MS = 3_600_000;

/**
 * Bounds the images in any hour by a token bucket: half of the quota at once, and the other half over an hour. From half a bucket on,
 * images are drawn with a probability that falls with the third power of the tokens. The bucket then hardly ever gets empty: a busy
 * hour is sampled to its end, and the probability of every draw is known and above zero.
 */
export class HourQuota {
  #tokens = Number.POSITIVE_INFINITY;
  #at = 0;

  /** The factor by which the probability of a draw is lowered now, between 0 and 1. @param perHour at least 2 */
  factor(perHour: number, now: number): number {
    const capacity = perHour / 2;
    const added = ((now - this.#at) / HOUR_MS) * capacity;
    this.#tokens = Math.min(capacity, this.#tokens + Math.max(0, added));
    this.#at = now;
    return this.#tokens < 1 ? 0 : Math.min(1, (this.#tokens / (capacity / 2)) ** 3);
  }

  /** Counts a draw, after `factor`. */
  take(): void {
    this.#tokens--;
  }
}
