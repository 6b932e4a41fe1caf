import type { EngineObserver, TextFeatureBuilder } from '../../engine/index.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Metrics } from '../../telemetry/metrics.ts';

/** Sends engine events to metrics and log. */
export function engineObserver(metrics: Metrics, logger: Logger): EngineObserver {
  return {
    batch: ({ size, seconds }) => {
      metrics.batchSize.observe(size);
      metrics.inference.observe(seconds);
    },
    queue: (depth) => metrics.queueDepth.set(depth),
    image: ({ timing, cache }) => {
      metrics.queueWait.observe(timing.queue / 1000);
      if (cache === 'miss' || cache === 'off') metrics.decode.observe(timing.decode / 1000);
      if (cache !== 'off') metrics.cacheRequests.inc({ cache: 'embeddings', result: cache });
    },
    restart: (engine, cause) => metrics.engineRestarts.inc({ engine, cause }),
    log: (level, message, details) => logger[level](details, message),
  };
}

/** Counts the texts that were encoded; the features of all other texts came from the cache. */
export function counted(builder: TextFeatureBuilder, { textsEncoded }: Metrics): TextFeatureBuilder {
  return {
    build: async (request, options) => {
      const rows = await builder.build(request, options);
      textsEncoded.inc({ tower: request.tower }, request.names.length * request.templates.length);
      return rows;
    },
  };
}
