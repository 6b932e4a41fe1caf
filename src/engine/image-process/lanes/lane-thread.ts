import { Worker } from 'node:worker_threads';
import { deserializeError } from '../../../errors/index.ts';
import type { Orientation } from '../../../images/decode.ts';
import { entryModule } from '../../../installation.ts';
import { fromSharedTime } from '../../ipc/clock.ts';
import type { Vitals } from '../../ipc/protocol.ts';
import type { Lane, Outcome } from './lanes.ts';
import {
  DECODES_AT_ONCE,
  type FromLane,
  type LaneImage,
  type LaneInit,
  type LaneResult,
  type RunReport,
  type ToLane,
} from './protocol.ts';

/** An image on its way through a lane. */
export type LaneJob =
  | { sha256: string; bytes: Uint8Array; readings: boolean; orientation: Orientation }
  | { sha256: string; pixels: Uint8Array<ArrayBuffer>[] };

/** The result of a lane for one image; times on the clock of `performance.now` of this thread. */
export interface TimedResult extends LaneResult {
  running: number;
  /** Duration of the run that contained the image. */
  seconds: number;
}

/** A decoding that has lasted for less than this is not reported. */
const QUIET_MS = 500;

let lastId = 0;

/** One lane as the main thread of the engine process sees it. */
export class LaneThread implements Lane<LaneJob, TimedResult> {
  readonly #worker: Worker;
  readonly #waiting: { resolve(message: FromLane): void; reject(error: unknown): void }[] = [];
  readonly #watch = new Float64Array(new SharedArrayBuffer(16 * DECODES_AT_ONCE));
  readonly #inside = new Map<number, LaneJob>();
  readonly #ids = new Map<LaneJob, number>();
  readonly #onRun: (report: RunReport) => void;
  maxBatch = 1;

  private constructor(init: Omit<LaneInit, 'watch'>, events: LaneEvents) {
    const workerData: LaneInit = { ...init, watch: this.#watch.buffer };
    this.#onRun = events.run;
    this.#worker = new Worker(entryModule('engine/image-process/lanes/lane-worker'), { workerData });
    this.#worker.on('message', (message: FromLane) => {
      const waiting = this.#waiting.shift();
      if (message.kind === 'failed') waiting?.reject(deserializeError(message.error));
      else waiting?.resolve(message);
    });
    this.#worker.on('error', (error) => events.death(`lane: ${error.stack ?? error.message}`));
    this.#worker.on('exit', (code) => events.death(`lane ended with code ${code}`));
  }

  /** Starts the thread; resolves when its sessions have been checked and warmed. */
  static async start(
    init: Omit<LaneInit, 'watch'>,
    events: LaneEvents,
  ): Promise<{ thread: LaneThread; goldenMaxDifference: number; batch: number }> {
    const thread = new LaneThread(init, events);
    const message = await thread.#next();
    if (message.kind !== 'ready') throw new Error(`unexpected message of a lane: ${message.kind}`);
    const { goldenMaxDifference, batch } = message;
    return { thread, goldenMaxDifference, batch };
  }

  #next(): Promise<FromLane> {
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  async run(jobs: LaneJob[]): Promise<Outcome<TimedResult>[]> {
    const images = jobs.map((job) => this.#enter(job));
    const answer = this.#next();
    // both may be transferred: bytes were copied for this lane, and pixels were transferred here by another thread
    const transfer = images.flatMap((image) =>
      'bytes' in image ? [image.bytes.buffer] : image.pixels.map(({ buffer }) => buffer),
    );
    this.#worker.postMessage({ kind: 'work', images } satisfies ToLane, [...new Set(transfer)]);
    try {
      const message = await answer;
      if (message.kind !== 'done') throw new Error(`unexpected message of a lane: ${message.kind}`);
      for (const report of message.runs) this.#onRun(report);
      const seconds = message.runs.reduce((sum, report) => sum + report.seconds, 0);
      const running = fromSharedTime(message.running);
      return message.outcomes.map((outcome) => {
        if ('error' in outcome) return { error: deserializeError(outcome.error) };
        const { began, decoded, ...result } = outcome.result;
        const times = { began: fromSharedTime(began), decoded: fromSharedTime(decoded), running, seconds };
        return { result: { ...result, ...times } };
      });
    } finally {
      for (const [i, { id }] of images.entries()) {
        this.#inside.delete(id);
        this.#ids.delete(jobs[i] as LaneJob);
      }
    }
  }

  #enter(job: LaneJob): LaneImage {
    const id = ++lastId;
    this.#inside.set(id, job);
    this.#ids.set(job, id);
    if ('pixels' in job) return { id, pixels: job.pixels };
    const { readings, orientation } = job;
    // a copy, because the bytes are part of the buffer of a whole message from the front process
    return { id, bytes: new Uint8Array(job.bytes), readings, orientation };
  }

  /** No request waits for this image any more: it is skipped unless its run has begun. */
  drop(job: LaneJob): void {
    const id = this.#ids.get(job);
    if (id !== undefined) this.#worker.postMessage({ kind: 'drop', id } satisfies ToLane);
  }

  /** The image that has been in the decoder for longest, if that takes long. Only this shows a native decoder that never returns. */
  get decoding(): Vitals['decoding'] {
    const now = performance.timeOrigin + performance.now();
    let longest: Vitals['decoding'] = null;
    for (let at = 0; at < this.#watch.length; at += 2) {
      const job = this.#inside.get(this.#watch[at] as number);
      const ms = now - (this.#watch[at + 1] as number);
      if (job && ms >= QUIET_MS && ms > (longest?.ms ?? 0)) longest = { sha256: job.sha256, ms };
    }
    return longest;
  }
}

export interface LaneEvents {
  run(report: RunReport): void;
  /** The thread has ended, and its session with it. */
  death(reason: string): void;
}
