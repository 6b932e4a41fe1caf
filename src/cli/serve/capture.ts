import type { Config } from '../../config/index.ts';
import { type OpenCapture, openCapture } from '../../serving/open-capture.ts';
import type { OpenStore } from '../../serving/open-store.ts';
import { collected } from '../../telemetry/collected.ts';
import { Sparse } from '../../telemetry/sparse.ts';
import type { TenantRegistry } from '../../tenants/registry.ts';
import type { Telemetry } from './telemetry.ts';

/** Capture of the configuration, connected to log and metrics. @throws ConfigError */
export async function observedCapture(
  config: Config,
  { store, database }: OpenStore,
  tenants: TenantRegistry,
  { logger, metrics }: Telemetry,
): Promise<OpenCapture> {
  let last: unknown;
  const failing = new Sparse((times) =>
    logger.error({ err: last, times }, 'captured images could not be stored or removed; requests are not affected'),
  );
  const dropping = new Sparse((times) =>
    logger.warn({ times }, 'captured images were dropped, because they arrive faster than the store takes them'),
  );
  const opened = await openCapture({
    config,
    database,
    store,
    tenants,
    onResult: (tenant, result) => {
      const label = metrics.tenantLabel(tenant);
      // from zero on, so that a first loss is an increase for Prometheus
      for (const loss of ['dropped', 'failed']) metrics.captureImages.inc({ tenant: label, result: loss }, 0);
      metrics.captureImages.inc({ tenant: label, result });
      if (result === 'dropped') dropping.note();
    },
    onProblem: (error) => {
      last = error;
      failing.note();
    },
  });
  collected(metrics.captureQueuedBytes, () => opened.capture.queuedBytes);
  return opened;
}
