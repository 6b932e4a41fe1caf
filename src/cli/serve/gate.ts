import { AuditTrail } from '../../gate/audit/trail.ts';
import {
  type AuditSink,
  type GateEngine,
  GateServer,
  type GateSettings,
  type GateTenants,
  loadGateFile,
  watchGateFile,
} from '../../gate/index.ts';
import { gateObserver } from '../../http/gate-observer.ts';
import { collected } from '../../telemetry/collected.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { Tracing } from '../../telemetry/tracing.ts';

export interface OpenGateParts {
  engine: GateEngine;
  tenants: GateTenants;
  /** Bundle of the current model, which may change. */
  bundleId(): string;
  metrics: Metrics;
  tracing: Tracing;
  logger: Logger;
}

/** The gate, in the same process as the service. */
export interface RunningGate {
  address: string;
  /** The current settings; they change with the file. */
  settings(): GateSettings;
  audit(): AuditSink | undefined;
  /** Answers requests in progress, then closes; cuts connections once `hurry` is aborted. */
  close(hurry?: AbortSignal): Promise<void>;
}

function auditLog({ audit }: GateSettings, { metrics, logger, bundleId }: OpenGateParts): AuditTrail | undefined {
  if (!audit) return undefined;
  return new AuditTrail({
    ...audit,
    bundle: bundleId,
    onDropped: () => metrics.gateAuditDropped.inc(),
    onFault: (error) => {
      metrics.gateAuditFailures.inc();
      logger.error({ err: error, file: audit.file }, 'the audit trail could not be written, trying again');
    },
  });
}

/**
 * Opens the gate and listens at once. Until the engine is ready, the file's policy for `engine_down` applies to requests.
 * @throws GateFileError
 */
export async function openGate(path: string, parts: OpenGateParts): Promise<RunningGate> {
  const { logger } = parts;
  const { settings, text } = await loadGateFile(path);
  let audit = auditLog(settings, parts);
  const { engine, tenants, tracing } = parts;
  const observer = gateObserver(parts.metrics, logger);
  const gate = new GateServer({ settings, engine, tenants, observer, tracing, audit });
  const { gateConnections, gateBufferedBytes } = parts.metrics;
  collected(gateConnections, () => gate.connections());
  collected(gateBufferedBytes, () => gate.buffered);
  const address = await gate.listen();
  logger.info(
    { address, upstream: settings.upstream.url.origin, routes: settings.routes.map((r) => r.name) },
    'gate is listening',
  );
  const stop = watchGateFile(path, {
    text,
    onChange: (changed) => {
      const old = audit;
      const same = JSON.stringify(changed.audit) === JSON.stringify(gate.settings.audit);
      if (!same) audit = auditLog(changed, parts);
      if (JSON.stringify(changed.listen) !== JSON.stringify(gate.settings.listen))
        logger.warn({ file: path }, 'a change of listen needs a restart');
      gate.reload(changed, audit);
      if (!same) void old?.close();
      logger.info({ file: path, routes: changed.routes.map((r) => r.name) }, 'gate file read again');
    },
    onFault: (error) =>
      logger.error({ err: error }, 'the gate file is invalid; the previous configuration stays in use'),
  });
  return {
    address,
    settings: () => gate.settings,
    audit: () => audit,
    close: async (hurry) => {
      stop();
      await gate.close(hurry);
      await audit?.close();
    },
  };
}
