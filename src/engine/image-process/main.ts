/**
 * The engine process: decodes untrusted bytes and feeds one inference thread. It may die; the front process outlives it.
 */
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { loadBundle } from '../../bundle/load.ts';
import { ServiceError } from '../../errors/index.ts';
import { configureDecoder, decodeImage } from '../../images/decode.ts';
import { type Handlers, observe, serveCalls } from '../ipc/child.ts';
import { toShared } from '../ipc/clock.ts';
import type { EngineOperations, InitMessage } from '../ipc/protocol.ts';
import { deviceOf } from '../shared/devices.ts';
import { weightsOf } from '../shared/fair-queue.ts';
import { STANDS_BACK, standBack } from '../shared/yielding.ts';
import { Batcher } from './batcher.ts';
import { DecodeWatch } from './decode-watch.ts';
import { Embedder } from './embedder.ts';
import { EmbeddingCache } from './embedding-cache.ts';
import { FairLimiter } from './fair-limiter.ts';
import { faultOnImage, faultOnStart } from './faults.ts';
import { HeadScorer } from './heads/scorer.ts';
import { bucketsUpTo, InferenceThread } from './inference-thread.ts';
import { SecondLane } from './second-lane.ts';

standBack(STANDS_BACK.images);

interface Engine {
  embedder: Embedder;
  heads: HeadScorer;
}

/** Most images in a run beside a batch: memory for larger ones would never be used. */
const BESIDE = 8;
/** Bytes of an image graph that may be in memory twice, so that images can be run beside a batch. */
const SMALL_GRAPH = 64 * 1024 * 1024;

let engine: Engine | undefined;
const watch = new DecodeWatch();

function running(): Engine {
  if (!engine) throw new ServiceError('engine_unavailable', 'The inference engine is starting.', { retryAfter: 1 });
  return engine;
}

async function start(init: InitMessage): Promise<EngineOperations['init']['reply']> {
  const began = performance.now();
  await faultOnStart();
  const bundle = await loadBundle(init.bundleDir, { checksums: true, precision: init.precision });
  configureDecoder({ concurrency: 1 });
  const { size } = bundle.manifest.image;
  const device = deviceOf(init.device).kind;
  const open = (standsBack: number, maxBatch: number) =>
    InferenceThread.start(
      {
        bundleDir: init.bundleDir,
        precision: init.precision,
        device: init.device,
        threads: init.threads,
        standsBack,
        buckets: bucketsUpTo(maxBatch, device),
      },
      size * size * 3,
      (reason) => {
        // the session is gone with its thread: a new process is the only clean start
        process.stderr.write(`${reason}\n`);
        process.exit(70);
      },
    );
  const { thread, goldenMaxDifference } = await open(STANDS_BACK.batches, init.maxBatch);
  const { embedding_dim: width, logit_scale: scale } = bundle.manifest;
  const heads = await HeadScorer.open({ width, scale });
  const runOn = (lane: InferenceThread) => async (images: Uint8Array[]) => {
    const { features, seconds, bucket } = await lane.run(images);
    observe('batch', { size: images.length, bucket, seconds });
    return features.map((feature) => ({ feature, seconds }));
  };
  const beside = new SecondLane(
    async () => {
      const maxBatch = Math.min(init.maxBatch, BESIDE);
      const second = await open(STANDS_BACK.images, maxBatch);
      return { maxBatch, run: runOn(second.thread) };
    },
    (error) => {
      const details = { rss: process.memoryUsage.rss(), ...(error === undefined ? {} : { internal: String(error) }) };
      if (error === undefined) observe('log', 'info', 'several tenants: a second session is open', details);
      else observe('log', 'warn', 'several tenants, but no second session could be opened', details);
    },
  );
  const small = device === 'cpu' && (await stat(bundle.files.image)).size <= SMALL_GRAPH;
  const weightOf = weightsOf(init.tenantWeights);
  const batcher = new Batcher({
    maxBatch: init.maxBatch,
    waitMs: init.batchWaitMs,
    weightOf,
    run: runOn(thread),
    ...(small ? { beside: () => beside.wanted() } : {}),
  });
  const embedder = new Embedder({
    decode: (bytes, readings) =>
      watch.run(bytes, async () => {
        await faultOnImage(bytes);
        return decodeImage(bytes, size, { maxPixels: init.maxPixels, readings });
      }),
    decoding: new FairLimiter(init.decodeThreads, weightOf),
    batcher,
    cache: init.cacheBytes > 0 ? new EmbeddingCache(init.cacheBytes) : undefined,
  });
  engine = { embedder, heads };
  return { startMs: performance.now() - began, goldenMaxDifference, rss: process.memoryUsage.rss() };
}

const operations: Handlers<EngineOperations> = {
  init: start,
  putHead: async ({ id, rows }) => {
    running().heads.put(id, rows);
    return null;
  },
  dropHead: async ({ id }) => {
    running().heads.drop(id);
    return null;
  },
  detect: async ({ bytes, headId, tenant: key, priority, topK, timeoutMs, stages: wanted, readings }, { signal }) => {
    const { embedder, heads } = running();
    const arrived = performance.now();
    const deadline = arrived + (timeoutMs ?? Number.POSITIVE_INFINITY);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const place = { key, priority };
    const hashed = performance.now();
    const { embedding, timing, stages, cache } = await embedder.embed({
      bytes,
      sha256,
      place,
      readings,
      deadline,
      signal,
    });
    const { feature, others, complete: _, ...image } = embedding;
    const began = performance.now();
    const verdict = await heads.score(headId, feature, topK);
    const otherReadings = [];
    for (const other of readings ? others : []) {
      const { decisions } = await heads.score(headId, other.feature, 0);
      otherReadings.push({ reading: other.reading, decisions });
    }
    const end = performance.now();
    const inference = timing.inference + end - began;
    const detection = {
      ...verdict,
      image: { sha256, ...image },
      timing: { ...timing, inference },
      cache,
      ...(readings ? { otherReadings } : {}),
    };
    if (!wanted) return detection;
    const hash = { name: 'hash', start: arrived, end: hashed };
    return { ...detection, stages: toShared([hash, ...stages, { name: 'score', start: began, end }]) };
  },
};

serveCalls(operations, () => watch.oldest);
