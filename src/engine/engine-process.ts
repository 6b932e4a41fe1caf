/**
 * The engine process: decodes untrusted bytes and feeds one inference thread. It may die; the front process outlives it.
 */
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { type Bundle, loadBundle } from '../bundle/load.ts';
import { ServiceError } from '../errors/index.ts';
import { configureDecoder, decodeImage } from '../images/decode.ts';
import { Batcher } from './batcher.ts';
import { type Handlers, observe, serveCalls } from './child.ts';
import { toShared } from './clock.ts';
import { DecodeWatch } from './decode-watch.ts';
import { deviceOf } from './devices.ts';
import { Embedder } from './embedder.ts';
import { EmbeddingCache } from './embedding-cache.ts';
import { FairLimiter } from './fair-limiter.ts';
import { faultOnImage, faultOnStart } from './faults.ts';
import { HeadScorer } from './heads/scorer.ts';
import { bucketsUpTo, InferenceThread } from './inference-thread.ts';
import type { EngineOperations, InitMessage } from './protocol.ts';
import { STANDS_BACK, standBack } from './yielding.ts';

standBack(STANDS_BACK.images);

interface Engine {
  embedder: Embedder;
  heads: HeadScorer;
}

type Run = (images: Uint8Array[]) => Promise<{ feature: Float32Array; seconds: number }[]>;

/** Bytes of an image graph that may be in memory twice, so that images can be run beside a batch. */
const SMALL_GRAPH = 64 * 1024 * 1024;

async function isSmall({ files }: Bundle): Promise<boolean> {
  return (await stat(files.image)).size <= SMALL_GRAPH;
}

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
  // one for batches, and where there is memory for it one that runs what can not wait for their end
  const lanes: number[] = [STANDS_BACK.batches];
  if (device === 'cpu' && (await isSmall(bundle))) lanes.push(STANDS_BACK.images);
  const started = await Promise.all(
    lanes.map((standsBack) =>
      InferenceThread.start(
        {
          bundleDir: init.bundleDir,
          precision: init.precision,
          device: init.device,
          threads: init.threads,
          standsBack,
          buckets: bucketsUpTo(init.maxBatch, device),
        },
        size * size * 3,
        (reason) => {
          // the session is gone with its thread: a new process is the only clean start
          process.stderr.write(`${reason}\n`);
          process.exit(70);
        },
      ),
    ),
  );
  const goldenMaxDifference = Math.max(...started.map((lane) => lane.goldenMaxDifference));
  const { embedding_dim: width, logit_scale: scale } = bundle.manifest;
  const heads = await HeadScorer.open({ width, scale });
  const [run, runBeside] = started.map(({ thread }) => async (images: Uint8Array[]) => {
    const { features, seconds, bucket } = await thread.run(images);
    observe('batch', { size: images.length, bucket, seconds });
    return features.map((feature) => ({ feature, seconds }));
  }) as [Run, Run?];
  const batcher = new Batcher({ maxBatch: init.maxBatch, waitMs: init.batchWaitMs, run, runBeside });
  const embedder = new Embedder({
    decode: (bytes) =>
      watch.run(bytes, async () => {
        await faultOnImage(bytes);
        return decodeImage(bytes, size, { maxPixels: init.maxPixels });
      }),
    decoding: new FairLimiter(init.decodeThreads),
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
  detect: async ({ bytes, headId, tenant: key, weight, priority, topK, timeoutMs, stages: wanted }, { signal }) => {
    const { embedder, heads } = running();
    const arrived = performance.now();
    const deadline = arrived + (timeoutMs ?? Number.POSITIVE_INFINITY);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const place = { key, weight, priority };
    const hashed = performance.now();
    const { embedding, timing, stages, cache } = await embedder.embed({ bytes, sha256, place, deadline, signal });
    const { feature, ...image } = embedding;
    const began = performance.now();
    const verdict = await heads.score(headId, feature, topK);
    const end = performance.now();
    const inference = timing.inference + end - began;
    const detection = { ...verdict, image: { sha256, ...image }, timing: { ...timing, inference }, cache };
    if (!wanted) return detection;
    const hash = { name: 'hash', start: arrived, end: hashed };
    return { ...detection, stages: toShared([hash, ...stages, { name: 'score', start: began, end }]) };
  },
};

serveCalls(operations, () => watch.oldest);
