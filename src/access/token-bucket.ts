/**
 * So many images per second on average, one second's worth at once. A request is let in while the bucket is not empty, and then
 * takes what it needs, into debt if it must: otherwise a request larger than the bucket could never pass.
 */
export class TokenBucket {
  readonly rate: number;
  readonly size: number;
  #tokens: number;
  #at: number;

  /** `rate` per second; `now` in milliseconds of any clock that only goes forward. */
  constructor(rate: number, now: number) {
    this.rate = rate;
    this.size = Math.max(1, rate);
    this.#tokens = this.size;
    this.#at = now;
  }

  /** What is there; negative in debt. */
  level(now: number): number {
    this.#tokens = Math.min(this.size, this.#tokens + (Math.max(0, now - this.#at) * this.rate) / 1000);
    this.#at = now;
    return this.#tokens;
  }

  take(n: number, now: number): void {
    this.#tokens = this.level(now) - n;
  }

  /** Seconds until a request is let in. */
  wait(now: number): number {
    const level = this.level(now);
    return level >= 1 ? 0 : (1 - level) / this.rate;
  }
}
