import { Limiter, Quotas } from '../../access/index.ts';
import { buildApp } from '../../app.ts';
import type { Config } from '../../config/index.ts';
import type { EngineObserver, TextFeatureBuilder } from '../../engine/index.ts';
import { LiveModel } from '../../serving/live-model.ts';
import { ObservedEngine } from '../../serving/observed-engine.ts';
import { openAccess } from '../../serving/open-access.ts';
import { openDrift, openFeatures, openStore } from '../../serving/open-store.ts';
import { Reloader } from '../../serving/reloader.ts';
import { watchTenants } from '../../serving/watch-tenants.ts';
import { createLogger, type Logger } from '../../telemetry/logger.ts';
import { createMetrics, type Metrics } from '../../telemetry/metrics.ts';
import { openTracing } from '../../telemetry/tracing.ts';
import { TenantRegistry } from '../../tenants/registry.ts';
import { closeServers, drainOnSignal } from './drain.ts';
import { openGate } from './gate.ts';

/** Engine events to metrics and log. */
function observer(metrics: Metrics, logger: Logger): EngineObserver {
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

/** Counts what really was encoded; the rest came from the cache. */
function counted(builder: TextFeatureBuilder, { textsEncoded }: Metrics): TextFeatureBuilder {
  return {
    build: async (request, options) => {
      const rows = await builder.build(request, options);
      textsEncoded.inc({ tower: request.tower }, request.names.length * request.templates.length);
      return rows;
    },
  };
}

/**
 * `clipn-gate serve`: listens at once, so that liveness and readiness can be asked while the model loads; ready when engine
 * and tenants are. Ends by SIGINT or SIGTERM: readiness fails, what is under way is answered, then everything closes.
 * With a gate file the gate listens beside it, in the same process.
 */
export async function serve(config: Config, programVersion: string, gateFile?: string): Promise<void> {
  const logger = createLogger({ level: config.logLevel });
  const tracing = await openTracing(process.env, programVersion, logger);
  const {
    store,
    database,
    close: closeStore,
  } = await openStore(config, {
    onProblem: (level, message, details) => logger[level](details, message),
  });
  const { keyring, audit } = await openAccess(config, database, logger);
  const metrics = createMetrics();
  metrics.queueLimit.set(config.maxQueue);
  const live = new LiveModel({
    config,
    observer: observer(metrics, logger),
    openFeatures: (bundle) =>
      openFeatures(config, bundle, database, (result) => metrics.cacheRequests.inc({ cache: 'features', result })),
    builder: (engine) => counted(engine, metrics),
    onOpened: ({ bundle, why, devices, passedOver }) => {
      logger.info({ bundle: bundle.id, precision: bundle.precision, why, devices }, 'model bundle opened');
      for (const { device, why } of passedOver) logger.info({ device, why }, 'device not used');
    },
  });
  const model = await live.open();
  live.serve(model);
  const tenants = new TenantRegistry({
    ...model.forTenants,
    store,
    leases: model.features.leases,
    watchesFiles: config.tenantsDir !== '',
    defaults: { method: config.method },
    limits: { maxClasses: config.maxClasses },
    onBuilt: (event) => {
      metrics.tenantBuild.observe(event.seconds);
      logger.info(event, 'tenant ready');
    },
    onFailed: ({ error, ...event }) =>
      logger.error({ err: error, ...event }, 'tenant features could not be built, trying again'),
  });
  live.provideHeads(tenants);
  await tenants.load();
  const access = { keyring, audit, limiter: new Limiter(config), quotas: new Quotas() };
  const tenantFiles = watchTenants(config, tenants, audit, logger);
  await tenantFiles?.start();
  const drift = await openDrift(config, database, (error) =>
    logger.warn({ err: error }, 'drift counts could not be stored, trying again'),
  );
  const judge = new ObservedEngine({ engine: live, drift, tenants });
  const gate =
    gateFile === undefined
      ? undefined
      : await openGate(gateFile, { engine: judge, tenants, bundleId: () => live.bundle.id, metrics, tracing, logger });
  const reload = new Reloader({
    live,
    tenants,
    logger,
    started: () => !app.lifecycle.restoring && !app.lifecycle.draining,
  });
  const app = await buildApp({
    config,
    model: live,
    engine: judge,
    tenants,
    tenantFiles,
    reload,
    access,
    drift,
    metrics,
    tracing,
    logger,
    gate,
  });

  // as daemons do; whoever closes the terminal that it was started in wants it to end
  const reloadsOnHangup = !process.stdout.isTTY;
  if (reloadsOnHangup) process.on('SIGHUP', () => reloadOn(reload, logger));
  drainOnSignal({
    delayMs: config.drainDelayMs,
    graceMs: config.shutdownGraceMs,
    logger,
    skip: reloadsOnHangup ? ['SIGHUP'] : [],
    unready: () => {
      app.lifecycle.draining = true;
    },
    close: async (hurry) => {
      await closeServers(Promise.all([app.close(), gate?.close(hurry)]), [app.server], hurry);
      await reload.stop();
      await tenantFiles?.stop();
      await tenants.stop();
      await drift.stop();
      await live.stop();
      await keyring.stop();
      await closeStore();
      await tracing.close();
    },
  });

  app.lifecycle.restoring = true;
  const address = await app.listen({ host: config.host, port: config.port });
  await model.engine.start();
  await tenants.start();
  app.lifecycle.restoring = false;
  const { name, version } = live.bundle.manifest;
  logger.info(
    { address, gate: gate?.address, model: `${name} ${version}`, engine: live.status },
    `ready: ${address} (open it in a browser)`,
  );
}

/** What goes wrong in a reload is in the log by then; what keeps it from beginning is not. */
function reloadOn(reload: Reloader, logger: Logger): void {
  try {
    reload.start().catch(() => {});
  } catch (error) {
    logger.warn({ detail: (error as Error).message }, 'no reload');
  }
}
