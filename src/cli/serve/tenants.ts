import type { Config } from '../../config/index.ts';
import type { Model } from '../../serving/live-model.ts';
import { TenantRegistry } from '../../tenants/registry.ts';
import type { TenantStore } from '../../tenants/store.ts';
import type { Events } from './events.ts';
import type { Telemetry } from './telemetry.ts';

/** The tenant registry over the store, connected to log and metrics; not loaded yet. */
export function observedTenants(
  config: Config,
  store: TenantStore,
  model: Model,
  { logger, metrics }: Telemetry,
  events: Events,
): TenantRegistry {
  return new TenantRegistry({
    ...model.forTenants,
    store,
    leases: model.features.leases,
    watchesFiles: config.tenantsDir !== '',
    defaults: { method: config.method },
    limits: { maxClasses: config.maxClasses },
    eventsFault: events.fault,
    onBuilt: (event) => {
      metrics.tenantBuild.observe(event.seconds);
      logger.info(event, 'tenant ready');
    },
    onFailed: ({ error, ...event }) =>
      logger.error({ err: error, ...event }, 'tenant features could not be built, trying again'),
  });
}
