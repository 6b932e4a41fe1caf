/**
 * The engine process: decodes untrusted bytes and runs the model in its lanes. If it crashes, the front process continues.
 */
import { createHash } from 'node:crypto';
import { ServiceError } from '../../errors/index.ts';
import { type Handlers, serveCalls } from '../ipc/child.ts';
import { toShared } from '../ipc/clock.ts';
import type { EngineOperations, InitMessage } from '../ipc/protocol.ts';
import { type OpenedEngine, openEngine } from './open-engine.ts';

let engine: OpenedEngine | undefined;

function running(): OpenedEngine {
  if (!engine)
    throw new ServiceError('engine_unavailable', 'The inference engine is starting.', { retryAfterSeconds: 1 });
  return engine;
}

async function start(init: InitMessage): Promise<EngineOperations['init']['reply']> {
  const began = performance.now();
  engine = await openEngine(init);
  const { goldenMaxDifference, batch } = engine;
  return { startMs: performance.now() - began, goldenMaxDifference, batch, rss: process.memoryUsage.rss() };
}

const operations: Handlers<EngineOperations> = {
  init: start,
  putHead: async ({ id, rows, negatives }) => {
    running().heads.put(id, { rows, negatives });
    return null;
  },
  putWords: async ({ id, count, from, rows }) => ({ bytes: running().heads.putWords(id, { count, from, rows }) }),
  dropWords: async ({ id }) => {
    running().heads.dropWords(id);
    return null;
  },
  dropHead: async ({ id }) => {
    running().heads.drop(id);
    return null;
  },
  look: async ({ headId, embedding }) => running().heads.look(headId, embedding),
  detect: async (request, { signal }) => {
    const { bytes, headId, tenant: key, priority, topK, timeoutMs, stages: wanted, readings, orientation } = request;
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
      orientation,
      deadline,
      signal,
    });
    const { feature, others, complete: _, ...image } = embedding;
    const began = performance.now();
    const verdict = await heads.score(headId, feature, topK);
    const otherReadings = [];
    for (const other of readings ? others : []) {
      const { decisions, scores } = await heads.score(headId, other.feature, 0);
      otherReadings.push({ reading: other.reading, decisions, scores });
    }
    const end = performance.now();
    const inference = timing.inference + end - began;
    const detection = {
      ...verdict,
      image: { sha256, ...image },
      timing: { ...timing, inference },
      cache,
      ...(readings ? { otherReadings } : {}),
      ...(request.embedding ? { embedding: heads.own(feature) } : {}),
    };
    if (!wanted) return detection;
    const hash = { name: 'hash', start: arrived, end: hashed };
    return { ...detection, stages: toShared([hash, ...stages, { name: 'score', start: began, end }]) };
  },
};

serveCalls(operations, () => engine?.decoding() ?? null);
