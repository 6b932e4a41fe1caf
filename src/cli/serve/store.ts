import { statfs } from 'node:fs/promises';
import type { Config } from '../../config/index.ts';
import { type OpenStore, openStore } from '../../serving/open-store.ts';
import { Shared } from '../../shared-work.ts';
import { collected } from '../../telemetry/collected.ts';
import type { Telemetry } from './telemetry.ts';

export interface ObservedStore extends OpenStore {
  /** Counts a file of the data directory that could not be written. */
  directoryFailed(): void;
}

/** The store of the configuration, connected to log and metrics. @throws ServiceError store_unavailable */
export async function observedStore(config: Config, { logger, metrics }: Telemetry): Promise<ObservedStore> {
  const kind = config.store === 'directory' ? 'directory' : 'database';
  // from zero on, so that a first failure is an increase for Prometheus
  for (const store of new Set(['directory', kind])) metrics.storeFailures.inc({ store }, 0);
  const stored = await openStore(config, {
    exclusive: true,
    onProblem: (level, message, details) => logger[level](details, message),
    onReachable: (reachable) => metrics.storeUp.set({ store: 'database' }, Number(reachable)),
    onFailure: () => metrics.storeFailures.inc({ store: kind }),
  });
  if (stored.database) metrics.storeUp.set({ store: 'database' }, 1);
  // both gauges of a scrape share one question; NaN is an unknown value for Prometheus: a directory that cannot be asked must not end the scrape
  const fileSystem = new Shared(() => statfs(config.dataDir));
  const bytes = (of: 'bavail' | 'blocks') => () =>
    fileSystem.join().then(
      (system) => system[of] * system.bsize,
      () => Number.NaN,
    );
  collected(metrics.directoryAvailable, bytes('bavail'));
  collected(metrics.directorySize, bytes('blocks'));
  return { ...stored, directoryFailed: () => metrics.storeFailures.inc({ store: 'directory' }) };
}
