import { setTimeout as sleep } from 'node:timers/promises';
import closeWithGrace from 'close-with-grace';
import { Limiter, Quotas } from '../access/index.ts';
import { buildApp } from '../app.ts';
import { unknownWords } from '../bundle/vocabulary.ts';
import type { Config } from '../config/index.ts';
import { parseWeights } from '../config/weights.ts';
import { Engine, type EngineObserver, type TextFeatureBuilder } from '../engine/index.ts';
import { createLogger, type Logger } from '../telemetry/logger.ts';
import { createMetrics, type Metrics } from '../telemetry/metrics.ts';
import { TenantRegistry } from '../tenants/registry.ts';
import { engineOptions } from './engine-options.ts';
import { openGate } from './gate.ts';
import { openAccess } from './open-access.ts';
import { openBundle } from './open-bundle.ts';
import { openFeatures, openStore } from './open-store.ts';
import { watchTenants } from './watch-tenants.ts';

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
    state: ({ state }) => {
      if (state === 'restarting') metrics.engineRestarts.inc();
    },
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
export async function serve(config: Config, gateFile?: string): Promise<void> {
  const logger = createLogger({ level: config.logLevel });
  const {
    store,
    database,
    close: closeStore,
  } = await openStore(config, {
    onProblem: (level, message, details) => logger[level](details, message),
  });
  const { keyring, audit } = await openAccess(config, database, logger);
  const { bundle, why } = await openBundle(config);
  logger.info({ bundle: bundle.id, precision: bundle.precision, why }, 'model bundle opened');
  const metrics = createMetrics();
  metrics.queueLimit.set(config.maxQueue);
  const engine = new Engine({ ...engineOptions(config, bundle), observer: observer(metrics, logger) });
  const {
    cache,
    leases,
    close: closeCache,
  } = await openFeatures(config, bundle, database, (result) =>
    metrics.cacheRequests.inc({ cache: 'features', result }),
  );
  const tenants = new TenantRegistry({
    store,
    cache,
    leases,
    watchesFiles: config.tenantsDir !== '',
    features: counted(engine, metrics),
    heads: engine,
    bundle: { id: bundle.textId, embeddingDim: bundle.manifest.embedding_dim, templates: bundle.manifest.templates },
    unknownWords: (name) => unknownWords(bundle.manifest, name),
    defaults: { method: config.method },
    limits: { maxClasses: config.maxClasses },
    onBuilt: (event) => {
      metrics.tenantBuild.observe(event.seconds);
      logger.info(event, 'tenant ready');
    },
    onFailed: ({ error, ...event }) =>
      logger.error({ err: error, ...event }, 'tenant features could not be built, trying again'),
  });
  engine.provideHeads(tenants);
  await tenants.load();
  const access = { keyring, audit, limiter: new Limiter(config), quotas: new Quotas() };
  const tenantFiles = watchTenants(config, tenants, audit, logger);
  await tenantFiles?.start();
  const gate =
    gateFile === undefined
      ? undefined
      : await openGate(gateFile, { engine, tenants, bundleId: bundle.id, metrics, logger });
  const tenantWeights = parseWeights(config.tenantWeights);
  const app = await buildApp({
    config: { ...config, tenantWeights },
    bundle,
    engine,
    tenants,
    tenantFiles,
    access,
    metrics,
    logger,
    gate: gate?.settings,
  });

  closeWithGrace({ delay: config.shutdownGraceMs, logger: false }, async ({ signal, err }) => {
    if (err) logger.fatal({ err }, 'unexpected error, shutting down');
    else logger.info({ signal }, 'shutting down');
    app.lifecycle.draining = true;
    await sleep(config.drainDelayMs);
    // connections that fall idle after close has begun are nobody's business but ours
    const sweep = setInterval(() => app.server.closeIdleConnections(), 100);
    await Promise.all([app.close(), gate?.close()]);
    clearInterval(sweep);
    await tenantFiles?.stop();
    await tenants.stop();
    await closeCache();
    await keyring.stop();
    await closeStore();
    await engine.stop();
    logger.info('shut down');
  });

  app.lifecycle.restoring = true;
  const address = await app.listen({ host: config.host, port: config.port });
  await engine.start();
  await tenants.start();
  app.lifecycle.restoring = false;
  const { name, version } = bundle.manifest;
  logger.info(
    { address, gate: gate?.address, model: `${name} ${version}`, engine: engine.status },
    `ready: ${address} (try ${address}/docs)`,
  );
}
