export interface SharedOptions {
  signal?: AbortSignal | undefined;
  onProgress?: ((done: number, total: number) => void) | undefined;
}

export type SharedWork<T> = (options: {
  signal: AbortSignal;
  onProgress: (done: number, total: number) => void;
}) => Promise<T>;

interface Running<T> {
  waiting: Set<SharedOptions>;
  progress: { last?: [number, number] };
  abort: AbortController;
  done: Promise<T>;
}

/** Work that several callers wait for: it runs once at a time, and is cancelled when no caller waits any more. */
export class Shared<T> {
  readonly #work: SharedWork<T>;
  #running: Running<T> | undefined;

  constructor(work: SharedWork<T>) {
    this.#work = work;
  }

  /** The result of the work in progress, or of work that begins now. Rejects with the reason of the caller's signal, or the error of the work. */
  async join(options: SharedOptions = {}): Promise<T> {
    const { signal, onProgress } = options;
    signal?.throwIfAborted();
    const running = this.#running ?? this.#begin();
    running.waiting.add(options);
    if (running.progress.last) onProgress?.(...running.progress.last);
    let leave = () => {};
    const left = new Promise<never>((_, reject) => {
      leave = () => reject(signal?.reason);
      signal?.addEventListener('abort', leave, { once: true });
    });
    try {
      return await Promise.race([running.done, left]);
    } finally {
      signal?.removeEventListener('abort', leave);
      running.waiting.delete(options);
      if (running.waiting.size === 0) {
        if (this.#running === running) this.#running = undefined;
        running.abort.abort(signal?.reason);
      }
    }
  }

  #begin(): Running<T> {
    const abort = new AbortController();
    const waiting = new Set<SharedOptions>();
    const progress: Running<T>['progress'] = {};
    const onProgress = (done: number, total: number) => {
      progress.last = [done, total];
      for (const caller of waiting) caller.onProgress?.(done, total);
    };
    const running: Running<T> = { waiting, progress, abort, done: this.#work({ signal: abort.signal, onProgress }) };
    this.#running = running;
    running.done
      .catch(() => {})
      .finally(() => {
        if (this.#running === running) this.#running = undefined;
      });
    return running;
  }
}
