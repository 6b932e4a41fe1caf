import { FairQueue, type Place, type Weights } from '../shared/fair-queue.ts';

/** Lets `limit` tasks run at a time; those that wait take turns by tenant and priority. */
export class FairLimiter {
  #free: number;
  readonly #waiting: FairQueue<() => void>;

  constructor(limit: number, weightOf?: Weights) {
    this.#free = limit;
    this.#waiting = new FairQueue(weightOf);
  }

  /** Rejects with the signal's reason, without running the task, when it is given up before its turn. */
  async use<T>(place: Place, signal: AbortSignal, task: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free--;
    else await this.#turn(place, signal);
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free++;
    }
  }

  #turn(place: Place, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#waiting.remove(go);
        reject(signal.reason);
      };
      const go = () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(go, place);
    });
  }
}
