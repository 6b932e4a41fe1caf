import { defined } from '../../../defined.ts';
import { observe } from '../../ipc/child.ts';
import type { InitMessage, Vitals } from '../../ipc/protocol.ts';
import { deviceOf } from '../../shared/devices.ts';
import { weightsOf } from '../../shared/fair-queue.ts';
import { LANE_BATCH } from './buckets.ts';
import { Cores } from './cores.ts';
import { type LaneJob, LaneThread, type TimedResult } from './lane-thread.ts';
import { Lanes, type SubmitOptions } from './lanes.ts';
import { DECODES_AT_ONCE, type LaneInit, type LaneModel } from './protocol.ts';

/** Image files to features. */
export interface Pipeline {
  encode(job: Extract<LaneJob, { bytes: unknown }>, options: SubmitOptions): Promise<TimedResult>;
  /** Largest difference from the golden file. */
  goldenMaxDifference: number;
  /** Largest number of images in one run. */
  batch: number;
  /** The image that has been decoding for longest. */
  decoding(): Vitals['decoding'];
}

const events = {
  run: (report: { size: number; bucket: number; seconds: number }) => observe('batch', report),
  death: (reason: string) => {
    // the session has ended with its thread, and only a new process can replace it
    process.stderr.write(`${reason}\n`);
    process.exit(70);
  },
};

/** Starts the threads of an engine process. Resolves when their sessions have passed the golden file and are warm. */
export function openLanes(init: InitMessage): Promise<Pipeline> {
  const cores = new Cores();
  const { bundle, maxPixels, decode } = init;
  const common = { bundle, maxPixels, decode, cores: cores.shared };
  return deviceOf(init.device).kind === 'cpu' ? onCpu(init, common, cores) : onDevice(init, common);
}

type Common = Omit<LaneInit, 'watch' | 'model'>;

/** Each lane decodes and runs. The first one has a second session, for an image that finds all lanes idle. */
async function onCpu(init: InitMessage, common: Common, cores: Cores): Promise<Pipeline> {
  const { lanes: count, threads, device } = init;
  const maxBatch = init.laneBatch || LANE_BATCH;
  const model = (i: number): LaneModel => ({
    device,
    threads: Math.max(1, Math.floor(threads / count)),
    wideThreads: i === 0 && count > 1 ? threads : 0,
    maxBatch,
    // one lane measures for all
    measure: i === 0 && init.laneBatch === 0,
    allGolden: i === 0,
  });
  const started = await Promise.all(
    Array.from({ length: count }, (_, i) => LaneThread.start({ ...common, model: model(i) }, events)),
  );
  const batch = started[0]?.batch ?? 1;
  const threadsOf = started.map(({ thread }) => Object.assign(thread, { maxBatch: batch, ahead: true }));
  const lanes = new Lanes({ lanes: threadsOf, cores, ...queue(init) });
  return {
    encode: async (job, options) => (await lanes.submit(job, options)).result,
    goldenMaxDifference: Math.max(...started.map((s) => s.goldenMaxDifference)),
    batch,
    decoding: () => longest(threadsOf),
  };
}

/** One thread for each core decodes several images at a time, and one thread runs the device; the next batch is decoded while the device works. */
async function onDevice(init: InitMessage, common: Common): Promise<Pipeline> {
  const { threads, device, maxBatch } = init;
  const model = { device, threads, wideThreads: 0, maxBatch, measure: false, allGolden: true };
  const [runner, ...decoders] = await Promise.all([
    LaneThread.start({ ...common, model }, events),
    ...Array.from({ length: threads }, () => LaneThread.start(common, events)),
  ]);
  const device1 = Object.assign(runner.thread, { maxBatch, ahead: true });
  const running = new Lanes({ lanes: [device1], ...queue(init) });
  const decoderLanes = decoders.map(({ thread }) => Object.assign(thread, { maxBatch: DECODES_AT_ONCE }));
  const decoding = new Lanes({ lanes: decoderLanes, weightOf: weightsOf(init.tenantWeights) });
  return {
    encode: async (job, options) => {
      const { result: decoded } = await decoding.submit(job, options);
      const { pixels, facts, others, began, decoded: end } = decoded;
      const { sha256 } = job;
      const runs = await Promise.all(pixels.map((p) => running.submit({ sha256, pixels: [p] }, options)));
      const features = runs.flatMap(({ result }) => result.features);
      const { running: run, seconds } = (runs[0] as (typeof runs)[number]).result;
      return { ...defined({ facts }), others, features, pixels: [], began, decoded: end, running: run, seconds };
    },
    goldenMaxDifference: runner.goldenMaxDifference,
    batch: maxBatch,
    decoding: () => longest(decoders.map(({ thread }) => thread)),
  };
}

const queue = ({ batchWaitMs, tenantWeights }: InitMessage) => ({
  waitMs: batchWaitMs,
  weightOf: weightsOf(tenantWeights),
});

function longest(threads: LaneThread[]): Vitals['decoding'] {
  const all = threads.flatMap(({ decoding }) => (decoding ? [decoding] : []));
  return all.sort((a, b) => b.ms - a.ms)[0] ?? null;
}
