import { Worker } from 'node:worker_threads';
import { deserializeError } from '../../errors/index.ts';
import type { Device } from '../shared/devices.ts';
import type { FromWorker, ToWorker, WorkerInit } from './worker-protocol.ts';

/**
 * Batch shapes up to and including `maxBatch`; a batch is padded to the next. Powers of two on a device, which prepares itself for every shape
 * that it meets. A CPU does not, and each image of padding costs it as much as a real one: there eight shapes from one power of two to the next.
 */
export function bucketsUpTo(maxBatch: number, device: Device['kind']): number[] {
  const finer = device === 'cpu' ? 8 : 1;
  const buckets: number[] = [];
  for (let b = 1; b < maxBatch; b += Math.max(1, 2 ** Math.floor(Math.log2(b)) / finer)) buckets.push(b);
  return [...buckets, maxBatch];
}

/** The engine process's side of the inference thread. Batches are answered in the order in which they were sent. */
export class InferenceThread {
  readonly #worker: Worker;
  readonly #waiting: { resolve(message: FromWorker): void; reject(error: unknown): void }[] = [];
  /** Buffers of batches come back with their results and are used again, by length. */
  readonly #spare = new Map<number, Uint8Array<ArrayBuffer>[]>();
  readonly #stride: number;
  readonly #buckets: number[];

  private constructor(init: WorkerInit, stride: number, onDeath: (reason: string) => void) {
    this.#stride = stride;
    this.#buckets = init.buckets;
    const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    this.#worker = new Worker(new URL(`./inference-worker.${ending}`, import.meta.url), { workerData: init });
    this.#worker.on('message', (message: FromWorker) => {
      const waiting = this.#waiting.shift();
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
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** Runs one batch of uint8 images [S, S, 3]; a unit feature for each, float32 [D], and the seconds the device took. */
  async run(images: Uint8Array[]): Promise<{ features: Float32Array[]; seconds: number; bucket: number }> {
    const bucket = this.#buckets.find((b) => b >= images.length) ?? images.length;
    const length = bucket * this.#stride;
    const pixels = this.#spare.get(length)?.pop() ?? new Uint8Array(length);
    for (const [i, image] of images.entries()) pixels.set(image, i * this.#stride);
    const answer = this.#next();
    this.#worker.postMessage({ pixels } satisfies ToWorker, [pixels.buffer]);
    const message = await answer;
    if (message.kind !== 'ran') throw new Error(`unexpected message of the inference thread: ${message.kind}`);
    const spare = this.#spare.get(length);
    if (spare) spare.push(message.pixels);
    else this.#spare.set(length, [message.pixels]);
    const width = message.features.length / bucket;
    const features = images.map((_, i) => message.features.subarray(i * width, (i + 1) * width));
    return { features, seconds: message.seconds, bucket };
  }
}
