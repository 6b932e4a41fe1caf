import { Limiter, Quotas } from '../../access/index.ts';
import { buildApp } from '../../app.ts';
import type { Config } from '../../config/index.ts';
import { openDataDirectory } from '../../serving/data-directory.ts';
import { ObservedEngine } from '../../serving/observed-engine.ts';
import { openAccess } from '../../serving/open-access.ts';
import { openDrift, openStore } from '../../serving/open-store.ts';
import { Reloader } from '../../serving/reloader.ts';
import { watchTenants } from '../../serving/watch-tenants.ts';
import { closeServers, drainOnSignal } from './drain.ts';
import { openGate } from './gate.ts';
import { reloadOnHangup } from './hangup.ts';
import { listen } from './listen.ts';
import { observedModel } from './live-model.ts';
import { openTelemetry, type Telemetry } from './telemetry.ts';
import { observedTenants } from './tenants.ts';

/** Opens every part below HTTP in this order; they are closed in reverse order. */
async function openParts(config: Config, telemetry: Telemetry) {
  const { logger } = telemetry;
  const lock = await openDataDirectory(config.dataDir, (notice) => logger.warn(notice));
  const stored = await openStore(config, {
    exclusive: true,
    onProblem: (level, message, details) => logger[level](details, message),
  });
  const { store, database } = stored;
  const { keyring, audit } = await openAccess(config, database, logger);
  const live = observedModel(config, database, telemetry);
  const model = await live.open();
  live.serve(model);
  const tenants = observedTenants(config, store, model, telemetry);
  live.provideHeads(tenants);
  await tenants.load();
  const tenantFiles = watchTenants(config, tenants, audit, logger);
  await tenantFiles?.start();
  const drift = await openDrift(config, database, (error) =>
    logger.warn({ err: error }, 'drift counts could not be stored, trying again'),
  );
  const engine = new ObservedEngine({ engines: live, drift, tenants });
  const access = { keyring, audit, limiter: new Limiter(config), quotas: new Quotas() };
  const close = async () => {
    await tenantFiles?.stop();
    await tenants.stop();
    await drift.stop();
    await live.stop();
    await keyring.stop();
    await stored.close();
    await lock.release();
  };
  return { model: live, tenants, tenantFiles, drift, engine, access, close };
}

/**
 * `clipn-gate serve`: listens at once, so that liveness and readiness can be polled while the model loads; ready when engine
 * and tenants are. SIGINT or SIGTERM ends it: readiness fails, requests in progress are answered, then everything closes.
 * With a gate file the gate runs in the same process.
 */
export async function serve(config: Config, programVersion: string, gateFile?: string): Promise<void> {
  const telemetry = await openTelemetry(config, programVersion);
  const { logger, tracing } = telemetry;
  const { close: closeParts, ...parts } = await openParts(config, telemetry);
  const { model: live, tenants, engine } = parts;
  const gate =
    gateFile === undefined
      ? undefined
      : await openGate(gateFile, { engine, tenants, bundleId: () => live.bundle.id, ...telemetry });
  const reload = new Reloader({
    live,
    tenants,
    logger,
    started: () => !app.lifecycle.restoring && !app.lifecycle.draining,
  });
  const app = await buildApp({ config, ...parts, ...telemetry, reload, gate });

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
      await closeServers(Promise.all([app.close(), gate?.close(hurry)]), [app.server], hurry);
      await reload.stop();
      await closeParts();
      await tracing.close();
    },
  });

  app.lifecycle.restoring = true;
  const address = await listen(config.host, config.port, (options) => app.listen(options));
  await live.current.engine.start();
  await tenants.start();
  app.lifecycle.restoring = false;
  const { name, version } = live.bundle.manifest;
  logger.info(
    { address, gate: gate?.address, model: `${name} ${version}`, engine: live.status },
    `ready: ${address} (open it in a browser)`,
  );
}
