export interface SharedOptions {
  signal?: AbortSignal | undefined;
  onProgress?: ((done: number, total: number) => void) | undefined;
}

export type SharedWork = (options: {
  signal: AbortSignal;
  onProgress: (done: number, total: number) => void;
}) => Promise<void>;

interface Running {
  waiting: Set<SharedOptions>;
  last: [number, number] | undefined;
  abort: AbortController;
  done: Promise<void>;
}

/** Work that several callers wait for: it runs once at a time, and is cancelled when no caller waits any more. */
export class Shared {
  readonly #work: SharedWork;
  #running: Running | undefined;

  constructor(work: SharedWork) {
    this.#work = work;
  }

  /** Waits for the work in progress, or begins it. Rejects with the reason of the caller's signal, or the error of the work. */
  async join(options: SharedOptions): Promise<void> {
    const { signal, onProgress } = options;
    signal?.throwIfAborted();
    const running = this.#running ?? this.#begin();
    running.waiting.add(options);
    if (running.last) onProgress?.(...running.last);
    let leave = () => {};
    const left = new Promise<never>((_, reject) => {
      leave = () => reject(signal?.reason);
      signal?.addEventListener('abort', leave, { once: true });
    });
    try {
      await Promise.race([running.done, left]);
    } finally {
      signal?.removeEventListener('abort', leave);
      running.waiting.delete(options);
      if (running.waiting.size === 0) {
        if (this.#running === running) this.#running = undefined;
        running.abort.abort(signal?.reason);
      }
    }
  }

  #begin(): Running {
    const abort = new AbortController();
    const running: Running = { waiting: new Set(), last: undefined, abort, done: Promise.resolve() };
    this.#running = running;
    const onProgress = (done: number, total: number) => {
      running.last = [done, total];
      for (const waiting of running.waiting) waiting.onProgress?.(done, total);
    };
    running.done = this.#work({ signal: abort.signal, onProgress });
    running.done
      .catch(() => {})
      .finally(() => {
        if (this.#running === running) this.#running = undefined;
      });
    return running;
  }
}
