import { stat } from 'node:fs/promises';
import { type Bundle, loadBundle } from '../../bundle/load.ts';
import { configureDecoder, decodeImage } from '../../images/decode.ts';
import { observe } from '../ipc/child.ts';
import type { InitMessage } from '../ipc/protocol.ts';
import { type Device, deviceOf } from '../shared/devices.ts';
import { weightsOf } from '../shared/fair-queue.ts';
import { NICENESS } from '../shared/niceness.ts';
import { Batcher } from './batcher.ts';
import type { DecodeWatch } from './decode-watch.ts';
import { Embedder } from './embedder.ts';
import { EmbeddingCache } from './embedding-cache.ts';
import { FairLimiter } from './fair-limiter.ts';
import { HeadScorer } from './heads/scorer.ts';
import { bucketsUpTo, InferenceThread } from './inference-thread.ts';
import { LightLane } from './light-lane.ts';

/** The parts that work together in one engine process. */
export interface Engine {
  embedder: Embedder;
  heads: HeadScorer;
  /** Largest difference from the golden file, in cosine. */
  goldenMaxDifference: number;
}

/** Most images in a run of the light lane: memory for larger ones would never be used. */
const LIGHT_BATCH = 8;
/** Bytes of an image graph that may be in memory twice, for a light lane. */
const SMALL_GRAPH_BYTES = 64 * 1024 * 1024;

/** Loads the bundle and opens its sessions; resolves when they have been checked against the golden file and warmed. */
export async function openEngine(init: InitMessage, watch: DecodeWatch): Promise<Engine> {
  const bundle = await loadBundle(init.bundleDir, { checksums: true, precision: init.precision });
  configureDecoder({ concurrency: 1 });
  const { embedding_dim: width, logit_scale: scale, image } = bundle.manifest;
  const { kind } = deviceOf(init.device);
  const { thread, goldenMaxDifference } = await openThread(init, bundle, NICENESS.batches, init.maxBatch);
  const heads = await HeadScorer.open({ width, scale });
  const weightOf = weightsOf(init.tenantWeights);
  const lightLane = await lightLaneOf(init, bundle, kind);
  const batcher = new Batcher({
    maxBatch: init.maxBatch,
    waitMs: init.batchWaitMs,
    weightOf,
    run: runOn(thread),
    ...(lightLane ? { lightLane: () => lightLane.wanted() } : {}),
  });
  const embedder = new Embedder({
    decode: (bytes, readings) =>
      watch.run(bytes, () => decodeImage(bytes, image.size, { maxPixels: init.maxPixels, readings })),
    decoding: new FairLimiter(init.decodeThreads, weightOf),
    batcher,
    cache: init.cacheBytes > 0 ? new EmbeddingCache(init.cacheBytes) : undefined,
  });
  return { embedder, heads, goldenMaxDifference };
}

function openThread(init: InitMessage, { manifest }: Bundle, niceness: number, maxBatch: number) {
  const { bundleDir, precision, device, threads } = init;
  const buckets = bucketsUpTo(maxBatch, deviceOf(device).kind);
  return InferenceThread.start(
    { bundleDir, precision, device, threads, niceness, buckets },
    manifest.image.size ** 2 * 3,
    (reason) => {
      // the session is gone with its thread: a new process is the only clean start
      process.stderr.write(`${reason}\n`);
      process.exit(70);
    },
  );
}

/** Runs a batch on the thread; each image gets its feature and the seconds of the run. */
function runOn(thread: InferenceThread) {
  return async (images: Uint8Array[]) => {
    const { features, seconds, bucket } = await thread.run(images);
    observe('batch', { size: images.length, bucket, seconds });
    return features.map((feature) => ({ feature, seconds }));
  };
}

/** On a CPU, where the graph is small enough to be in memory twice; undefined elsewhere. */
async function lightLaneOf(init: InitMessage, bundle: Bundle, kind: Device['kind']) {
  if (kind !== 'cpu' || (await stat(bundle.files.image)).size > SMALL_GRAPH_BYTES) return undefined;
  const maxBatch = Math.min(init.maxBatch, LIGHT_BATCH);
  return new LightLane(
    async () => {
      const { thread } = await openThread(init, bundle, NICENESS.images, maxBatch);
      return { maxBatch, run: runOn(thread) };
    },
    (error) => {
      const details = { rss: process.memoryUsage.rss(), ...(error === undefined ? {} : { internal: String(error) }) };
      if (error === undefined) observe('log', 'info', 'several tenants: a second session is open', details);
      else observe('log', 'warn', 'several tenants, but no second session could be opened', details);
    },
  );
}
