/**
 * A token bucket that holds one second's worth of images. A request is admitted while the level is positive, and may take it
 * below zero; otherwise a request larger than the bucket could never pass.
 */
export class TokenBucket {
  readonly rate: number;
  readonly size: number;
  #tokens: number;
  #at: number;

  /** `rate` per second; `now` in milliseconds of a monotonic clock. */
  constructor(rate: number, now: number) {
    this.rate = rate;
    this.size = Math.max(1, rate);
    this.#tokens = this.size;
    this.#at = now;
  }

  /** The current level; negative after a request that was larger than the rest. */
  level(now: number): number {
    this.#tokens = Math.min(this.size, this.#tokens + (Math.max(0, now - this.#at) * this.rate) / 1000);
    this.#at = now;
    return this.#tokens;
  }

  take(n: number, now: number): void {
    this.#tokens = this.level(now) - n;
  }

  /** Seconds until the next request is admitted. */
  waitSeconds(now: number): number {
    const level = this.level(now);
    return level >= 1 ? 0 : (1 - level) / this.rate;
  }
}
