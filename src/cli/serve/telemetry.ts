import type { Config } from '../../config/index.ts';
import { createLogger, type Logger } from '../../telemetry/logger.ts';
import { createMetrics, type Metrics } from '../../telemetry/metrics.ts';
import { openTracing, type Tracing } from '../../telemetry/tracing.ts';

export interface Telemetry {
  logger: Logger;
  metrics: Metrics;
  tracing: Tracing;
}

/** The log, the metrics and the traces of the service. */
export async function openTelemetry(config: Config, programVersion: string): Promise<Telemetry> {
  const logger = createLogger({ level: config.logLevel, pretty: process.stdout.isTTY === true });
  const tracing = await openTracing(process.env, programVersion, logger);
  const metrics = createMetrics();
  metrics.queueLimit.set(config.maxQueue);
  return { logger, metrics, tracing };
}
