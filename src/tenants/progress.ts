/** Progress of a build, in texts of both towers; cached texts count as done. */
export interface BuildProgress {
  done: number;
  total: number;
  /** Texts per second since the build began, without cached ones; undefined before the first measurement. */
  rate?: number;
  /** Seconds until the build is done at this rate. */
  etaSeconds?: number;
  startedAt?: string;
}

export const NO_PROGRESS: BuildProgress = { done: 0, total: 0 };

/** Whole percent, rounded down, so that 100 means complete. */
export function percentOf({ done, total }: BuildProgress): number {
  return total === 0 ? 0 : Math.floor((100 * done) / total);
}

/** Derives rate and remaining time from the counts of one build. */
export class ProgressMeter {
  readonly #startedAt = new Date().toISOString();
  readonly #clock: () => number;
  #cached: number | undefined;
  #began = 0;

  /** @param clock milliseconds */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
  }

  at(done: number, total: number): BuildProgress {
    const now = this.#clock();
    // the first count is the number of cached texts
    if (this.#cached === undefined) {
      this.#cached = done;
      this.#began = now;
    }
    const seconds = (now - this.#began) / 1000;
    const encoded = done - this.#cached;
    const base = { done, total, startedAt: this.#startedAt };
    if (encoded <= 0 || seconds <= 0) return base;
    const rate = encoded / seconds;
    return { ...base, rate, etaSeconds: (total - done) / rate };
  }
}
