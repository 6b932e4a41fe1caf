import type { IncomingMessage } from 'node:http';
import { defined } from '../../defined.ts';

/** Bounds the memory of all request bodies together. */
export class BufferPool {
  readonly #totalBytes: number;
  #freeBytes: number;

  constructor(bytes: number) {
    this.#totalBytes = bytes;
    this.#freeBytes = bytes;
  }

  take(bytes: number): boolean {
    if (bytes > this.#freeBytes) return false;
    this.#freeBytes -= bytes;
    return true;
  }

  give(bytes: number): void {
    this.#freeBytes += bytes;
  }

  get free(): number {
    return this.#freeBytes;
  }

  get used(): number {
    return this.#totalBytes - this.#freeBytes;
  }
}

/** A request's body: complete, or its beginning if it exceeds the route's limit or the free memory. */
export interface ReadBody {
  bytes: Buffer;
  whole: boolean;
  reason?: 'too_large' | 'overloaded';
  /** Releases the memory. To be called once, when the bytes are no longer needed. */
  release(): void;
}

/**
 * Reads up to `limit` bytes. The rest of a larger body stays in the request, which is paused.
 * Rejects if the client disconnects before the end.
 */
export function readBody(request: IncomingMessage, limit: number, pool: BufferPool): Promise<ReadBody> {
  const chunks: Buffer[] = [];
  let length = 0;
  let held = 0;
  const result = (whole: boolean, reason?: ReadBody['reason']): ReadBody => {
    const bytes = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
    return {
      bytes,
      whole,
      ...defined({ reason }),
      release: () => {
        pool.give(held);
        held = 0;
      },
    };
  };
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > limit) return Promise.resolve(result(false, 'too_large'));
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      request.pause();
      request.off('data', onData).off('end', onEnd).off('error', onGone).off('close', onGone);
      act();
    };
    const onData = (chunk: Buffer) => {
      const reason = length + chunk.length > limit ? 'too_large' : pool.take(chunk.length) ? undefined : 'overloaded';
      chunks.push(chunk);
      length += chunk.length;
      if (reason) settle(() => resolve(result(false, reason)));
      else held += chunk.length;
    };
    const onEnd = () => settle(() => resolve(result(true)));
    const onGone = () =>
      settle(() => {
        pool.give(held);
        reject(new Error('the client left before the end of its request'));
      });
    request.on('data', onData).on('end', onEnd).on('error', onGone).on('close', onGone);
  });
}
