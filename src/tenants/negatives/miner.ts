import { Worker } from 'node:worker_threads';
import pLimit from 'p-limit';
import { deserializeError, type SerializedError, ServiceError } from '../../errors/index.ts';
import { entryModule } from '../../installation.ts';
import type { Mining } from './mining.ts';
import type { WordFeatures } from './word-features.ts';

/** The word list that the thread reads, and the size of its features. */
export interface MinerData {
  folder: string;
  count: number;
  width: number;
}

/** The classes that words are mined for: unit rows, float32 [C, D], and their names and aliases. */
export interface MinedClasses {
  classes: Float32Array;
  names: readonly string[];
}

export interface Mined {
  /** The labels of each mining. */
  chosen: Uint32Array[];
  /** Indices of the nouns that name a class, ascending; see `Relations.same`. */
  named: Uint32Array;
}

export type ToMiner =
  | { kind: 'rows'; from: number; rows: Float32Array }
  | ({ kind: 'mine'; minings: readonly Mining[] } & MinedClasses);
export type FromMiner = ({ kind: 'mined' } & Mined) | { kind: 'failed'; error: SerializedError };

/** Words of one message. */
const PIECE = 2048;
/** Time from the last mining to the end of the thread, which frees its memory. */
const IDLE_MS = 30_000;

/** The thread, and the promise that rejects when it has ended. */
interface Thread {
  worker: Worker;
  ended: Promise<never>;
}

/** Mines negative labels in a thread of its own, which starts when it is needed and ends after a time without work. */
export class Miner {
  readonly #words: WordFeatures;
  readonly #width: number;
  readonly #turn = pLimit(1);
  #thread: Thread | undefined;
  /** Whether the thread has all rows. */
  #filled = false;
  #idle: NodeJS.Timeout | undefined;

  /** @param width of the features */
  constructor(words: WordFeatures, width: number) {
    this.#words = words;
    this.#width = width;
  }

  /** The chosen words of each mining, without those that are related to one of the names; and the words that name the classes. */
  mine(classes: MinedClasses, minings: readonly Mining[], signal?: AbortSignal): Promise<Mined> {
    return this.#turn(async () => {
      signal?.throwIfAborted();
      clearTimeout(this.#idle);
      const thread = this.#thread ?? this.#start();
      thread.worker.ref();
      try {
        if (!this.#filled) await Promise.race([this.#fill(thread), thread.ended]);
        return await this.#ask(thread, { kind: 'mine', ...classes, minings });
      } catch (error) {
        // a thread without all rows, or after an error that it did not catch, is of no use
        if (!(error instanceof ServiceError) || !this.#filled) await this.stop();
        throw error;
      } finally {
        thread.worker.unref();
        this.#idle = setTimeout(() => void this.stop(), IDLE_MS);
        this.#idle.unref();
      }
    });
  }

  #start(): Thread {
    const { list, count } = this.#words;
    const workerData: MinerData = { folder: list.folder.href, count, width: this.#width };
    const worker = new Worker(entryModule('tenants/negatives/mining-worker'), { workerData });
    const ended = new Promise<never>((_, reject) => {
      worker.once('error', reject);
      worker.once('exit', (code) => reject(new Error(`the mining thread ended with code ${code}`)));
    });
    ended.catch(() => {});
    this.#thread = { worker, ended };
    this.#filled = false;
    return this.#thread;
  }

  async #fill({ worker }: Thread): Promise<void> {
    const { count } = this.#words;
    for (let from = 0; from < count; from += PIECE) {
      const rows = await this.#words.rows(from, Math.min(count, from + PIECE));
      worker.postMessage({ kind: 'rows', from, rows } satisfies ToMiner);
    }
    this.#filled = true;
  }

  async #ask({ worker, ended }: Thread, request: ToMiner): Promise<Mined> {
    const answered = new Promise<FromMiner>((resolve) => worker.once('message', resolve));
    worker.postMessage(request);
    const message = await Promise.race([answered, ended]);
    if (message.kind === 'failed') throw deserializeError(message.error);
    return { chosen: message.chosen, named: message.named };
  }

  /** Ends the thread; the next mining starts another one. */
  async stop(): Promise<void> {
    clearTimeout(this.#idle);
    const thread = this.#thread;
    this.#thread = undefined;
    await thread?.worker.terminate();
  }
}
