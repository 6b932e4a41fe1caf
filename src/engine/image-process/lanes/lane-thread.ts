import { Worker } from 'node:worker_threads';
import { deserializeError } from '../../../errors/index.ts';
import type { Orientation } from '../../../images/decode.ts';
import { fromSharedTime } from '../../ipc/clock.ts';
import type { Vitals } from '../../ipc/protocol.ts';
import type { Lane, Outcome } from './lanes.ts';
import type { FromLane, LaneImage, LaneInit, LaneResult, RunReport, ToLane } from './protocol.ts';

/** An image on its way through a lane. */
export type LaneJob =
  | { sha256: string; bytes: Uint8Array; readings: boolean; orientation: Orientation }
  | { sha256: string; pixels: Uint8Array<ArrayBuffer>[] };

/** What a lane says of an image; times on the clock of `performance.now`. */
export interface Worked extends LaneResult {
  running: number;
  /** Of the run that the image was in. */
  seconds: number;
}

/** Younger than this, a decoding is not reported. */
const QUIET_MS = 500;

let lastId = 0;

/** The engine process's side of one lane. */
export class LaneThread implements Lane<LaneJob, Worked> {
  readonly #worker: Worker;
  readonly #waiting: { resolve(message: FromLane): void; reject(error: unknown): void }[] = [];
  readonly #watch = new Float64Array(new SharedArrayBuffer(16));
  readonly #inside = new Map<number, LaneJob>();
  readonly #ids = new Map<LaneJob, number>();
  readonly #onRun: (report: RunReport) => void;
  maxBatch = 1;

  private constructor(init: Omit<LaneInit, 'watch'>, told: LaneEvents) {
    const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const workerData: LaneInit = { ...init, watch: this.#watch.buffer as unknown as SharedArrayBuffer };
    this.#onRun = told.run;
    this.#worker = new Worker(new URL(`./lane-worker.${ending}`, import.meta.url), { workerData });
    this.#worker.on('message', (message: FromLane) => {
      const waiting = this.#waiting.shift();
      if (message.kind === 'failed') waiting?.reject(deserializeError(message.error));
      else waiting?.resolve(message);
    });
    this.#worker.on('error', (error) => told.death(`lane: ${error.stack ?? error.message}`));
    this.#worker.on('exit', (code) => told.death(`lane ended with code ${code}`));
  }

  /** Starts the thread; resolves when its sessions have been checked and warmed. */
  static async start(
    init: Omit<LaneInit, 'watch'>,
    told: LaneEvents,
  ): Promise<{ thread: LaneThread; goldenMaxDifference: number; batch: number }> {
    const thread = new LaneThread(init, told);
    const message = await thread.#next();
    if (message.kind !== 'ready') throw new Error(`unexpected message of a lane: ${message.kind}`);
    const { goldenMaxDifference, batch } = message;
    return { thread, goldenMaxDifference, batch };
  }

  #next(): Promise<FromLane> {
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  async run(jobs: LaneJob[]): Promise<Outcome<Worked>[]> {
    const images = jobs.map((job) => this.#enter(job));
    const answer = this.#next();
    // bytes are copies of this lane's own, pixels come from a thread that has handed them over
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
    // the bytes lie in the message of the front process, together with others
    return { id, bytes: new Uint8Array(job.bytes), readings, orientation };
  }

  /** Nobody waits for this one any more: it is left out unless its run has begun. */
  drop(job: LaneJob): void {
    const id = this.#ids.get(job);
    if (id !== undefined) this.#worker.postMessage({ kind: 'drop', id } satisfies ToLane);
  }

  /** The image that is with the decoder, once that takes long: a native decoder that never comes back is told no other way. */
  get decoding(): Vitals['decoding'] {
    const [id, since] = this.#watch as unknown as [number, number];
    const job = this.#inside.get(id);
    const ms = performance.timeOrigin + performance.now() - since;
    return job && ms >= QUIET_MS ? { sha256: job.sha256, ms } : null;
  }
}

export interface LaneEvents {
  run(report: RunReport): void;
  /** The thread has ended: its session is gone. */
  death(reason: string): void;
}
