import pLimit from 'p-limit';

export interface WorkLimits {
  /** Most bytes that wait or are in work. */
  maxBytes: number;
  /** Tasks in work at the same time. */
  concurrency: number;
}

/** Runs tasks in the background within a bound on their bytes. A task that does not fit is not taken. */
export class WorkQueue {
  readonly #maxBytes: number;
  readonly #limited: ReturnType<typeof pLimit>;
  readonly #running = new Set<Promise<void>>();
  #bytes = 0;

  constructor({ maxBytes, concurrency }: WorkLimits) {
    this.#maxBytes = maxBytes;
    this.#limited = pLimit(concurrency);
  }

  /** Bytes that wait or are in work. */
  get bytes(): number {
    return this.#bytes;
  }

  /** False if the task does not fit. @param task handles its own errors */
  offer(bytes: number, task: () => Promise<void>): boolean {
    if (this.#bytes + bytes > this.#maxBytes) return false;
    this.#bytes += bytes;
    const done = this.#limited(task).finally(() => {
      this.#bytes -= bytes;
      this.#running.delete(done);
    });
    this.#running.add(done);
    return true;
  }

  /** Resolves when all tasks taken so far have ended. */
  async idle(): Promise<void> {
    await Promise.all(this.#running);
  }
}
