import { createHash } from 'node:crypto';
import type { Vitals } from '../ipc/protocol.ts';

/** Younger than this there is nothing to tell. */
const QUIET_MS = 500;

/** Which images are with a decoder right now, and since when: a native decoder that never comes back can't be told otherwise. */
export class DecodeWatch {
  /** In order of their start. */
  readonly #running = new Set<{ bytes: Uint8Array; began: number }>();

  async run<T>(bytes: Uint8Array, task: () => Promise<T>): Promise<T> {
    const running = { bytes, began: performance.now() };
    this.#running.add(running);
    try {
      return await task();
    } finally {
      this.#running.delete(running);
    }
  }

  get oldest(): Vitals['decoding'] {
    const [first] = this.#running;
    const ms = first ? performance.now() - first.began : 0;
    if (!first || ms < QUIET_MS) return null;
    return { sha256: createHash('sha256').update(first.bytes).digest('hex'), ms };
  }
}
