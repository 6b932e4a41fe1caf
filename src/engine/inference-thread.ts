import { Worker } from 'node:worker_threads';
import { deserializeError } from '../errors/index.ts';
import type { Head } from './types.ts';
import type { FromWorker, ItemResult, ToWorker, WorkerInit } from './worker-protocol.ts';

/** Fixed batch shapes: powers of two up to and including `maxBatch`. */
export function bucketsUpTo(maxBatch: number): number[] {
  const buckets: number[] = [];
  for (let b = 1; b < maxBatch; b *= 2) buckets.push(b);
  return [...buckets, maxBatch];
}

/** The engine process's side of the inference thread: one batch at a time, in order. */
export class InferenceThread {
  readonly #worker: Worker;
  #waiting: { resolve(message: FromWorker): void; reject(error: unknown): void } | undefined;
  /** The buffer of the last batch comes back with its results and is used again. */
  #spare: Uint8Array<ArrayBuffer> | undefined;
  readonly #stride: number;
  readonly #buckets: number[];

  private constructor(init: WorkerInit, stride: number, onDeath: (reason: string) => void) {
    this.#stride = stride;
    this.#buckets = init.buckets;
    const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    this.#worker = new Worker(new URL(`./inference-worker.${ending}`, import.meta.url), { workerData: init });
    this.#worker.on('message', (message: FromWorker) => {
      const waiting = this.#waiting;
      this.#waiting = undefined;
      if (message.kind === 'failed') waiting?.reject(deserializeError(message.error));
      else waiting?.resolve(message);
    });
    this.#worker.on('error', (error) => onDeath(`inference thread: ${error.stack ?? error.message}`));
    this.#worker.on('exit', (code) => onDeath(`inference thread ended with code ${code}`));
  }

  /** Opens the session, checks it against the golden file and warms every bucket. */
  static async start(
    init: WorkerInit,
    stride: number,
    onDeath: (reason: string) => void,
  ): Promise<{ thread: InferenceThread; goldenMaxDifference: number }> {
    const thread = new InferenceThread(init, stride, onDeath);
    const message = await thread.#next();
    if (message.kind !== 'ready') throw new Error(`unexpected message of the inference thread: ${message.kind}`);
    return { thread, goldenMaxDifference: message.goldenMaxDifference };
  }

  #next(): Promise<FromWorker> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  #post(message: ToWorker, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  putHead(id: string, head: Head): void {
    // copies: what came over the process channel are two views of one buffer, and moving it for one would take the other's
    const yes = head.yes.slice();
    const no = head.no.slice();
    this.#post({ kind: 'putHead', id, head: { ...head, yes, no } }, [yes.buffer, no.buffer]);
  }

  dropHead(id: string): void {
    this.#post({ kind: 'dropHead', id });
  }

  /** Runs one batch; `pixels[i]` is uint8 [S, S, 3]. The caller sends no second batch before the first has answered. */
  async run(
    items: { pixels: Uint8Array; headId: string; topK: number }[],
  ): Promise<{ results: ItemResult[]; seconds: number; bucket: number }> {
    const bucket = this.#buckets.find((b) => b >= items.length) ?? items.length;
    const length = bucket * this.#stride;
    const batch = this.#spare?.length === length ? this.#spare : new Uint8Array(length);
    this.#spare = undefined;
    for (const [i, item] of items.entries()) batch.set(item.pixels, i * this.#stride);
    const answer = this.#next();
    this.#post({ kind: 'run', pixels: batch, items: items.map(({ headId, topK }) => ({ headId, topK })) }, [
      batch.buffer,
    ]);
    const message = await answer;
    if (message.kind !== 'ran') throw new Error(`unexpected message of the inference thread: ${message.kind}`);
    this.#spare = message.pixels;
    return { results: message.results, seconds: message.seconds, bucket };
  }
}
