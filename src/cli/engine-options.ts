import type { Bundle } from '../bundle/load.ts';
import type { Config } from '../config/index.ts';
import { type EngineOptions, usableCores } from '../engine/index.ts';

/** The engine's share of the configuration; 0 threads means as many as the container may use. */
export function engineOptions(config: Config, bundle: Bundle): EngineOptions {
  const cores = usableCores();
  return {
    bundle,
    device: config.device,
    threads: config.threads || cores,
    maxBatch: config.maxBatch,
    maxQueue: config.maxQueue,
    batchWaitMs: config.batchWaitMs,
    decodeThreads: config.decodeThreads || cores,
    maxPixels: config.maxPixels,
    cacheBytes: config.cacheBytes,
    headsBytes: config.headsBytes,
    startTimeoutMs: config.engineStartTimeoutMs,
    keepTextSessions: config.keepTextSessions,
  };
}
