import { Limiter, Quotas } from '../../access/index.ts';
import { buildApp } from '../../app.ts';
import type { Config } from '../../config/index.ts';
import { LooksLikeCounts } from '../../looks/index.ts';
import { openDataDirectory } from '../../serving/data-directory.ts';
import { ExampleRenewal } from '../../serving/example-renewal.ts';
import { forgetRemoved } from '../../serving/forget-removed.ts';
import type { LiveModel, Prepared } from '../../serving/live-model.ts';
import { ObservedEngine } from '../../serving/observed-engine.ts';
import { openAccess } from '../../serving/open-access.ts';
import { openDrift, openFeatures } from '../../serving/open-store.ts';
import { Reloader } from '../../serving/reloader.ts';
import { watchTenants } from '../../serving/watch-tenants.ts';
import { observedCapture } from './capture.ts';
import { closeServers, drainOnSignal } from './drain.ts';
import { drainMs, observedEvents } from './events.ts';
import { openGate } from './gate.ts';
import { openGrpc } from './grpc.ts';
import { reloadOnHangup } from './hangup.ts';
import { listen } from './listen.ts';
import { observedStore } from './store.ts';
import type { Telemetry } from './telemetry.ts';
import { observedTenants } from './tenants.ts';

/** Opens every part below HTTP in this order; they are closed in reverse order. */
async function openParts({ config, telemetry, live, prepared }: Omit<ServiceParts, 'started' | 'gateFile'>) {
  const { logger, metrics } = telemetry;
  const lock = await openDataDirectory(config.dataDir, (notice) => logger.warn(notice));
  const stored = await observedStore(config, telemetry);
  const { store, database } = stored;
  const { keyring, audit } = await openAccess(config, database, logger);
  live.provideFeatures((bundle) =>
    openFeatures(
      config,
      bundle,
      database,
      (result) => metrics.cacheRequests.inc({ cache: 'features', result }),
      (error) => {
        stored.directoryFailed();
        logger.warn({ err: error }, 'features could not be stored on this machine; the database has them');
      },
    ),
  );
  const model = await live.complete(prepared);
  live.serve(model);
  const events = observedEvents(config, telemetry);
  const tenants = observedTenants(config, store, model, telemetry, events);
  live.provideHeads(tenants);
  await tenants.load();
  const tenantFiles = watchTenants(config, tenants, audit, logger);
  await tenantFiles?.start();
  const onDriftProblem = (error: unknown) => {
    if (!database) stored.directoryFailed();
    logger.warn({ err: error }, 'drift counts could not be stored, trying again');
  };
  const drift = await openDrift(config, database, onDriftProblem);
  const capture = await observedCapture(config, stored, tenants, telemetry);
  const publisher = events.open((tenant) => tenants.definitionOf(tenant)?.events);
  const looks = new LooksLikeCounts();
  forgetRemoved({ tenants, drift, looks, onProblem: onDriftProblem });
  const observers = { drift, capture: capture.capture, events: publisher, looks };
  const engine = new ObservedEngine({ engines: live, tenants, ...observers });
  const access = { keyring, audit, limiter: new Limiter(config), quotas: new Quotas() };
  const close = async (endsAt: number) => {
    await publisher.close(drainMs(endsAt));
    await tenantFiles?.stop();
    await tenants.stop();
    await drift.stop();
    await capture.stop();
    await live.stop();
    await keyring.stop();
    await stored.close();
    await lock.release();
  };
  return { model: live, tenants, tenantFiles, drift, looks, capture, engine, access, close };
}

/** A model whose processes have been started, and what the whole service needs. */
export interface ServiceParts {
  config: Config;
  telemetry: Telemetry;
  live: LiveModel;
  prepared: Prepared;
  /** Settled with the start of the model's processes. */
  started: Promise<void>;
  gateFile: string | undefined;
}

/** Opens everything around the model and listens; resolves when engine and tenants are ready. See `serve`. */
export async function openService({ started, gateFile, ...given }: ServiceParts): Promise<void> {
  const { config, telemetry, live } = given;
  const { logger, tracing } = telemetry;
  const { close: closeParts, ...parts } = await openParts(given);
  const { tenants, engine, capture } = parts;
  const gate =
    gateFile === undefined
      ? undefined
      : await openGate(gateFile, { engine, tenants, bundleId: () => live.bundle.id, ...telemetry });
  const renewal = new ExampleRenewal({ tenants, pictures: capture.pictures, engine, logger });
  const reload = new Reloader({
    live,
    tenants,
    logger,
    started: () => !app.lifecycle.restoring && !app.lifecycle.draining,
    onDone: () => renewal.start(),
  });
  const app = await buildApp({ config, ...parts, ...telemetry, reload, gate });
  const grpc = await openGrpc(config, app);

  const reloadsOnHangup = reloadOnHangup(reload, logger);
  drainOnSignal({
    delayMs: config.drainDelayMs,
    graceMs: config.shutdownGraceMs,
    logger,
    skip: reloadsOnHangup ? ['SIGHUP'] : [],
    unready: () => {
      app.lifecycle.draining = true;
    },
    close: async (hurry) => {
      const endsAt = Date.now() + config.shutdownGraceMs;
      await closeServers(
        Promise.all([app.close(), grpc?.close(), gate?.close(hurry)]),
        [app.server, ...(grpc ? [grpc] : [])],
        hurry,
      );
      await reload.stop();
      await renewal.stop();
      await closeParts(endsAt);
      await tracing.close();
    },
  });

  app.lifecycle.restoring = true;
  const address = await listen(config.host, config.port, (options) => app.listen(options));
  const grpcAddress = await grpc?.listen();
  await started;
  await tenants.start();
  app.lifecycle.restoring = false;
  renewal.start();
  const { name, version } = live.bundle.manifest;
  logger.info(
    { address, grpc: grpcAddress, gate: gate?.address, model: `${name} ${version}`, engine: live.status },
    `ready: ${address} (open it in a browser)`,
  );
}
