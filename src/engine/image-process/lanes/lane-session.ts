import { readGolden } from '../../../bundle/golden.ts';
import type { Bundle } from '../../../bundle/load.ts';
import { deviceOf } from '../../shared/devices.ts';
import { checkGolden } from '../../shared/golden.ts';
import { type ImageSession, openImageSession } from '../../shared/sessions.ts';
import { threadCpuMs } from '../../shared/thread-cpu.ts';
import { batchSizes, bestBatch, bucketsUpTo, compareBatches } from './buckets.ts';
import type { LaneInit, LaneModel, RunReport } from './protocol.ts';

/** The sessions of one lane: its own, and in one lane a second session whose runs use all cores. */
export class LaneSession {
  readonly #own: ImageSession;
  #wide: ImageSession | undefined;
  readonly #openWide: () => Promise<ImageSession | undefined>;
  readonly #buckets: number[];
  readonly #stride: number;
  /** Input buffers by number of rows, so that batches of one size use the same memory. */
  readonly #inputs = new Map<number, Uint8Array>();

  constructor(own: ImageSession, openWide: () => Promise<ImageSession | undefined>, buckets: number[], stride: number) {
    this.#own = own;
    this.#openWide = openWide;
    this.#buckets = buckets;
    this.#stride = stride;
  }

  /** Opens the session for runs on all cores, if this lane has one. Until then single images run in the lane's own session. */
  async widen(): Promise<void> {
    this.#wide = await this.#openWide();
  }

  get wide(): boolean {
    return this.#wide !== undefined;
  }

  /** Rows of pixels, uint8 [S, S, 3] each, to unit features [D], or [1 + P, D] with those of patches. There are several runs if the rows exceed the largest batch. */
  async run(rows: Uint8Array[], wide: boolean): Promise<{ features: Float32Array[]; reports: RunReport[] }> {
    const features: Float32Array[] = [];
    const reports: RunReport[] = [];
    const most = this.#buckets.at(-1) as number;
    for (let at = 0; at < rows.length; at += most) {
      const batch = rows.slice(at, at + most);
      const bucket = this.#buckets.find((b) => b >= batch.length) as number;
      const input = this.#input(bucket);
      for (const [i, row] of batch.entries()) input.set(row, i * this.#stride);
      const started = performance.now();
      const all = await ((wide && this.#wide) || this.#own).run(input, bucket);
      reports.push({ size: batch.length, bucket, seconds: (performance.now() - started) / 1000 });
      const width = all.length / bucket;
      for (const i of batch.keys()) features.push(all.slice(i * width, (i + 1) * width));
    }
    return { features, reports };
  }

  #input(rows: number): Uint8Array {
    const known = this.#inputs.get(rows);
    if (known) return known;
    const input = new Uint8Array(rows * this.#stride);
    this.#inputs.set(rows, input);
    return input;
  }

  /**
   * One run of artificial pixels, milliseconds: the processor time of the calling thread where the run uses no other thread, because other processes
   * that take turns on the core must not count; otherwise the time that passes.
   */
  async time(size: number, threads: number): Promise<number> {
    const input = this.#input(size);
    const clock = () => (threads === 1 ? threadCpuMs() : undefined) ?? performance.now();
    const started = clock();
    await this.#own.run(input, size);
    return clock() - started;
  }
}

/** Opens the sessions of a lane, compares them with the golden file, warms them, and finds the lane's batch. */
export async function openLaneSession({ bundle }: LaneInit, model: LaneModel) {
  const stride = bundle.manifest.image.size ** 2 * 3;
  const device = deviceOf(model.device);
  const own = await openImageSession(bundle, model.threads, device);
  const buckets = bucketsUpTo(model.maxBatch, device.kind);
  const most = model.allGolden ? Number.POSITIVE_INFINITY : 1;
  const goldenMaxDifference = await compare(bundle, own, buckets[0] as number, most);
  const openWide = async () => {
    if (model.wideThreads === 0) return undefined;
    const wide = await openImageSession(bundle, model.wideThreads, device, true);
    await compare(bundle, wide, 1, 1);
    return wide;
  };
  const session = new LaneSession(own, openWide, buckets, stride);
  if (device.kind !== 'cpu') {
    // the largest first, so that the arena grows once. A device runs all sizes here, so that it prepares no kernel under load
    for (const bucket of [...buckets].reverse().flatMap((b) => [b, b])) await session.time(bucket, model.threads);
    return { session, goldenMaxDifference, batch: model.maxBatch };
  }
  // one run, so that the first image does not wait for memory to be allocated
  if (!model.measure) {
    await own.run(new Uint8Array(stride), 1);
    return { session, goldenMaxDifference, batch: model.maxBatch };
  }
  const runs = await compareBatches(batchSizes(model.maxBatch).reverse(), (size) => session.time(size, model.threads));
  return { session, goldenMaxDifference, batch: bestBatch(runs) };
}

/** Runs at most `most` golden images and returns the largest difference of a feature. @throws ServiceError engine_unavailable beyond the tolerance */
async function compare(bundle: Bundle, session: ImageSession, rows: number, most: number): Promise<number> {
  const { embedding_dim: width, image } = bundle.manifest;
  const stride = image.size ** 2 * 3;
  const golden = await readGolden(bundle);
  const tolerance = bundle.tolerance.image ?? golden.tolerance;
  const count = Math.min(most, golden.image.pixels.shape[0] as number);
  let worst = 0;
  for (let i = 0; i < count; i++) {
    const pixels = new Uint8Array(rows * stride);
    pixels.set(golden.image.pixels.data.subarray(i * stride, (i + 1) * stride));
    const features = await session.run(pixels, rows);
    const expected = golden.image.features.data.subarray(i * width, (i + 1) * width);
    const name = `image ${i}, ${bundle.precision}`;
    worst = Math.max(worst, checkGolden(name, features.slice(0, width), expected, tolerance));
  }
  return worst;
}
