/**
 * The engine process: decodes untrusted bytes and feeds one inference thread. It may die; the front process outlives it.
 */
import { createHash } from 'node:crypto';
import { loadBundle } from '../bundle/load.ts';
import { deserializeError, ServiceError } from '../errors/index.ts';
import { configureDecoder, decodeImage } from '../images/decode.ts';
import { Batcher } from './batcher.ts';
import { observe, serveCalls } from './child.ts';
import { bucketsUpTo, InferenceThread } from './inference-thread.ts';
import type { EngineOperations, InitMessage } from './protocol.ts';
import { Semaphore } from './semaphore.ts';
import type { ItemResult } from './worker-protocol.ts';

interface Job {
  pixels: Uint8Array;
  headId: string;
  topK: number;
}

interface Ran {
  result: ItemResult;
  seconds: number;
}

interface Engine {
  size: number;
  maxPixels: number;
  thread: InferenceThread;
  batcher: Batcher<Job, Ran>;
  decoding: Semaphore;
}

let engine: Engine | undefined;

function running(): Engine {
  if (!engine) throw new ServiceError('engine_unavailable', 'The inference engine is starting.', { retryAfter: 1 });
  return engine;
}

async function start(init: InitMessage): Promise<EngineOperations['init']['reply']> {
  const began = performance.now();
  if (init.device !== 'cpu' && init.device !== 'auto') {
    throw new ServiceError(
      'engine_unavailable',
      `The device "${init.device}" is not available in this build; use cpu or auto.`,
    );
  }
  const bundle = await loadBundle(init.bundleDir, { checksums: true, precision: init.precision });
  configureDecoder({ concurrency: 1 });
  const { size } = bundle.manifest.image;
  const { thread, goldenMaxDifference } = await InferenceThread.start(
    {
      bundleDir: init.bundleDir,
      precision: init.precision,
      device: 'cpu',
      threads: init.threads,
      buckets: bucketsUpTo(init.maxBatch),
    },
    size * size * 3,
    (reason) => {
      // the session is gone with its thread: a new process is the only clean start
      process.stderr.write(`${reason}\n`);
      process.exit(70);
    },
  );
  const batcher: Batcher<Job, Ran> = new Batcher({
    maxBatch: init.maxBatch,
    maxQueue: init.maxQueue,
    waitMs: init.batchWaitMs,
    run: async (jobs) => {
      const { results, seconds, bucket } = await thread.run(jobs);
      observe('batch', { size: jobs.length, bucket, seconds, queueDepth: batcher.depth });
      return results.map((result) => ({ result, seconds }));
    },
  });
  engine = { size, maxPixels: init.maxPixels, thread, batcher, decoding: new Semaphore(init.decodeThreads) };
  return { device: 'cpu', startMs: performance.now() - began, goldenMaxDifference };
}

serveCalls<EngineOperations>({
  init: start,
  putHead: async ({ id, head }) => {
    running().thread.putHead(id, head);
    return null;
  },
  dropHead: async ({ id }) => {
    running().thread.dropHead(id);
    return null;
  },
  detect: async ({ bytes, headId, tenant, topK, timeoutMs }, { signal }) => {
    const { size, maxPixels, batcher, decoding } = running();
    const arrived = performance.now();
    const decoded = await decoding.use(() => {
      signal.throwIfAborted();
      return decodeImage(bytes, size, { maxPixels });
    });
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const decodedAt = performance.now();
    const { result: ran, queuedMs } = await batcher.submit(
      { pixels: decoded.pixels, headId, topK },
      { key: tenant, signal, ...(timeoutMs === null ? {} : { deadline: arrived + timeoutMs }) },
    );
    observe('image', { decodeSeconds: (decodedAt - arrived) / 1000, queueSeconds: queuedMs / 1000 });
    if ('error' in ran.result) throw deserializeError(ran.result.error);
    const { width, height, format } = decoded;
    return {
      ...ran.result.verdict,
      image: { sha256, width, height, format },
      timing: { decode: decodedAt - arrived, queue: queuedMs, inference: ran.seconds * 1000 },
    };
  },
});
