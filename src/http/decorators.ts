import type { AuditLog, Keyring, Limiter, Principal, Quotas } from '../access/index.ts';
import type { Bundle } from '../bundle/load.ts';
import type { DriftMonitor } from '../drift/index.ts';
import type { AuditSink, GateSettings } from '../gate/index.ts';
import type { ServingEngine } from '../serving/observed-engine.ts';
import type { ReloadStatus } from '../serving/reload-status.ts';
import type { Flood } from '../telemetry/flood.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { RequestTrace, Tracing } from '../telemetry/tracing.ts';
import type { WatchedDirectory } from '../tenants/files/watched-directory.ts';
import type { TenantRegistry } from '../tenants/registry.ts';

/** What the HTTP layer needs of the configuration. */
export interface HttpConfig {
  maxImages: number;
  maxImageBytes: number;
  maxBodyBytes: number;
  /** Of all requests together. */
  maxBodiesBytes: number;
  maxClasses: number;
  requestTimeoutMs: number;
  buildWaitMs: number;
  trustProxy: boolean;
  openMetrics: boolean;
  openDocs: boolean;
  driftWindowMs: number;
}

export interface Lifecycle {
  /** Set while the tenants of the last run get their features: until then they would be answered with 409. */
  restoring: boolean;
  /** Set once shutdown has begun: readiness fails first, so that balancers stop sending before connections close. */
  draining: boolean;
}

/** The parts of the engine that routes use: tests put something simpler in its place. */
export type EngineForHttp = ServingEngine;

/** Who may do what, and what was done. */
export interface AccessParts {
  keyring: Keyring;
  limiter: Limiter;
  quotas: Quotas;
  audit: AuditLog;
}

/** Puts another model in the place of the one that serves. */
export interface ReloadForHttp {
  readonly status: ReloadStatus;
  start(bundle?: string): Promise<void>;
}

/** What `/v1/ext-authz/*` shares with the gate's own door, as of now: its file may change. */
export interface GateForHttp {
  settings(): GateSettings;
  audit(): AuditSink | undefined;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; nobody on routes that are open. */
    principal: Principal;
    /** Undefined: it belongs to no trace. */
    trace: RequestTrace | undefined;
    /** One of a flood of refusals, which the log tells of in one line together. */
    unlogged: boolean;
  }
  interface FastifyInstance {
    config: HttpConfig;
    engine: EngineForHttp;
    tenants: TenantRegistry;
    access: AccessParts;
    tenantFiles: Pick<WatchedDirectory, 'status'> | undefined;
    /** The model that serves. */
    model: { readonly bundle: Pick<Bundle, 'manifest' | 'id'> };
    reload: ReloadForHttp;
    drift: DriftMonitor;
    metrics: Metrics;
    tracing: Tracing;
    /** Refusals that come too fast for a log line each. */
    flood: Flood;
    lifecycle: Lifecycle;
    /** The gate in the same process; undefined where there is none. */
    gate: GateForHttp | undefined;
  }
}
