import { statSync } from 'node:fs';
import type { Bundle } from '../bundle/load.ts';
import type { Config } from '../config/index.ts';
import { parseWeights } from '../config/weights.ts';
import { defined } from '../defined.ts';
import { type EngineOptions, lanesFor, usableCores } from '../engine/index.ts';

/** Bytes of the image weights in memory. Bundles store the weights of fp32 graphs as halves, which a session widens. */
function weightBytes({ precision, files }: Bundle): number {
  return (precision === 'fp32' ? 2 : 1) * statSync(files.image).size;
}

/** Engine options from the configuration. 0 threads means the cores that the container may use, divided among the engines. */
export function engineOptions(config: Config, bundle: Bundle, devices: string[]): EngineOptions {
  const cores = usableCores();
  const share = (engines: number) => Math.max(1, Math.floor(cores / Math.max(1, engines)));
  // the engine of a GPU uses the CPU for decoding only, but for that it uses it wholly
  const threads = config.threads || share(devices.length);
  const { precision, manifest } = bundle;
  const measured = precision === 'fp16' ? undefined : manifest.speed?.[precision];
  const { lanes, why } = lanesFor(threads, config.lanes, weightBytes(bundle), measured);
  return {
    bundle,
    devices,
    threads,
    lanes,
    ...defined({ lanesWhy: why }),
    textThreads: config.threads || cores,
    maxBatch: config.maxBatch,
    laneBatch: config.laneBatch || (measured?.batch ?? 0),
    maxQueue: config.maxQueue,
    batchWaitMs: config.batchWaitMs,
    decode: config.decode,
    orientation: config.orientation,
    maxPixels: config.maxPixels,
    tenantWeights: parseWeights(config.tenantWeights),
    cacheBytes: Math.floor(config.cacheBytes / devices.length),
    headsBytes: config.headsBytes,
    startTimeoutMs: config.engineStartTimeoutMs,
    limits: { stallMs: config.stallTimeoutMs, maxMemoryBytes: config.engineMaxMemoryBytes },
    keepTextSessions: config.keepTextSessions,
  };
}
