import { type ResourceLimits, Worker } from 'node:worker_threads';
import { threadModule } from '../../../installation.ts';
import { ExtractionError } from '../../adapters/types.ts';
import type { Message, ReadOptions, ReadRequest } from '../index.ts';
import { unpackedFindings } from './findings.ts';
import type { FromReader, ToReader } from './protocol.ts';

const MiB = 2 ** 20;
/** Bytes of bodies inside the thread; a larger body is read alone. The others wait, and max_buffered_bytes limits all of them. */
const MAX_INSIDE = 32 * MiB;
/** Bounds of the thread's heap. A body that needs more ends the thread, and not the process. */
const LIMITS: ResourceLimits = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 32 };
/** Time from the last reading to the end of the thread, which frees its memory. */
const IDLE_MS = 60_000;
/** Time from the end of a request to that of its reading, after which the thread is ended. A slice takes a few milliseconds. */
const STUCK_MS = 10_000;

interface Asked {
  id: number;
  message: Message;
  options: ReadOptions;
  /** The thread has ended while it read this body and others; now it is read alone. */
  alone: boolean;
  /** Undefined as soon as no request waits. */
  settle: { resolve: (read: ReadRequest) => void; reject: (error: unknown) => void } | undefined;
  stuck?: NodeJS.Timeout;
}

/** The reading of a body at which this program failed; it must not pass because of that. */
const failedReading = (why: string): ReadRequest => ({
  extraction: { images: [], instances: 0 },
  unexamined: { place: 'body', why: `content at which the reading failed (${why})` },
});

/** Reads bodies in a thread of its own, which starts when it is needed and ends after a time without work. */
export class ReadingThread {
  readonly #limits: ResourceLimits;
  readonly #queue: Asked[] = [];
  readonly #inside = new Map<number, Asked>();
  #bytes = 0;
  #worker: Worker | undefined;
  #idle: NodeJS.Timeout | undefined;
  #lastId = 0;

  constructor(limits: ResourceLimits = LIMITS) {
    this.#limits = limits;
  }

  /** Threads that were started. */
  started = 0;

  /** Bodies inside the thread. */
  get reading(): number {
    return this.#inside.size;
  }

  /** @throws ExtractionError, and the reason of the signal */
  read(message: Message, options: ReadOptions, signal?: AbortSignal): Promise<ReadRequest> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const asked: Asked = { id: ++this.#lastId, message, options, alone: false, settle: undefined };
      const leave = () => {
        this.#drop(asked);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', leave, { once: true });
      const stay = () => signal?.removeEventListener('abort', leave);
      asked.settle = {
        resolve: (read) => {
          stay();
          resolve(read);
        },
        reject: (error) => {
          stay();
          reject(error);
        },
      };
      this.#queue.push(asked);
      this.#sendWaiting();
    });
  }

  /** Sends waiting bodies to the thread as far as there is room. */
  #sendWaiting(): void {
    for (;;) {
      const next = this.#queue[0];
      const first = this.#inside.size === 0;
      if (!next) break;
      const { length } = next.message.body;
      const alone = next.alone || [...this.#inside.values()].some((asked) => asked.alone);
      if (!first && (alone || this.#bytes + length > MAX_INSIDE)) break;
      this.#queue.shift();
      this.#send(next);
    }
    if (this.#inside.size === 0) this.#rest();
  }

  #send(asked: Asked): void {
    const { id, message, options } = asked;
    clearTimeout(this.#idle);
    const worker = this.#worker ?? this.#start();
    worker.ref();
    this.#inside.set(id, asked);
    this.#bytes += message.body.length;
    // a copy, because the body is forwarded from this thread
    const body = new Uint8Array(message.body);
    const { headers, rawHeaders, target } = message;
    const { adapter, maxImages, maxBodyBytes, pointers, answerPointer, fields } = options;
    worker.postMessage(
      {
        kind: 'read',
        id,
        message: { body, headers, rawHeaders, target },
        options: { adapter, maxImages, maxBodyBytes, pointers, answerPointer, fields },
      } satisfies ToReader,
      [body.buffer],
    );
  }

  #start(): Worker {
    const worker = new Worker(threadModule('gate/reading/thread/reading-worker'), { resourceLimits: this.#limits });
    this.started++;
    worker.on('message', (message: FromReader) => this.#answered(message));
    worker.once('error', (error) => this.#died(worker, (error as NodeJS.ErrnoException).code ?? error.name));
    worker.once('exit', () => this.#died(worker, 'the thread ended'));
    this.#worker = worker;
    return worker;
  }

  #answered(message: FromReader): void {
    const asked = this.#inside.get(message.id);
    if (!asked) return;
    this.#leave(asked);
    const { settle } = asked;
    if (message.kind === 'refused') settle?.reject(new ExtractionError(message.failure, message.detail));
    else if (message.kind === 'failed') settle?.resolve(failedReading(message.name));
    else if (message.kind === 'read') {
      try {
        settle?.resolve(unpackedFindings(message, asked.message.body));
      } catch (error) {
        settle?.resolve(failedReading((error as Error).name));
      }
    }
    this.#sendWaiting();
  }

  #leave(asked: Asked): void {
    clearTimeout(asked.stuck);
    this.#inside.delete(asked.id);
    this.#bytes -= asked.message.body.length;
  }

  /** No request waits for this body any more. */
  #drop(asked: Asked): void {
    asked.settle = undefined;
    const at = this.#queue.indexOf(asked);
    if (at >= 0) this.#queue.splice(at, 1);
    if (!this.#inside.has(asked.id)) return;
    this.#worker?.postMessage({ kind: 'drop', id: asked.id } satisfies ToReader);
    asked.stuck = setTimeout(() => void this.#worker?.terminate(), STUCK_MS);
    asked.stuck.unref();
  }

  /** The thread has ended: its bodies are read again one at a time, and the one at which it ends again is unexamined. */
  #died(worker: Worker, why: string): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    const inside = [...this.#inside.values()];
    for (const asked of inside) this.#leave(asked);
    for (const asked of inside.reverse()) {
      if (!asked.settle) continue;
      if (asked.alone || inside.length === 1) asked.settle.resolve(failedReading(why));
      else this.#queue.unshift(Object.assign(asked, { alone: true }));
    }
    this.#sendWaiting();
  }

  /** The thread does not keep the process running, and ends after a time without work. */
  #rest(): void {
    clearTimeout(this.#idle);
    this.#worker?.unref();
    this.#idle = setTimeout(() => void this.stop(), IDLE_MS);
    this.#idle.unref();
  }

  /** Ends the thread; the next reading starts another one. */
  async stop(): Promise<void> {
    clearTimeout(this.#idle);
    await this.#worker?.terminate();
  }
}
