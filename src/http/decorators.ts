import type { AuditLog, Keyring, Limiter, Principal, Quotas } from '../access/index.ts';
import type { Bundle } from '../bundle/load.ts';
import type { Capture, KeptImages } from '../capture/index.ts';
import type { DriftMonitor } from '../drift/index.ts';
import type { AuditSink, GateSettings } from '../gate/index.ts';
import type { Labels } from '../labels/index.ts';
import type { LooksLikeCounts } from '../looks/index.ts';
import type { ServingEngine } from '../serving/observed-engine.ts';
import type { QualityReports } from '../serving/quality-reports.ts';
import type { ReloadStatus } from '../serving/reload-status.ts';
import type { Flood } from '../telemetry/flood.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { RequestTrace, Tracing } from '../telemetry/tracing.ts';
import type { ExamplePictures } from '../tenants/examples/pictures.ts';
import type { WatchedDirectory } from '../tenants/files/watched-directory.ts';
import type { TenantRegistry } from '../tenants/registry.ts';

/** The settings that the HTTP layer uses. */
export interface HttpConfig {
  maxImages: number;
  maxImageBytes: number;
  maxBodyBytes: number;
  /** Bound on the bodies of all requests together, bytes. */
  maxBodiesBytes: number;
  /** Longest time in which a request must have arrived completely, milliseconds. */
  uploadTimeoutMs: number;
  /** Smallest rate of an upload after the grace, bytes per second; 0 for no limit. */
  uploadMinRate: number;
  /** Time of an upload before its rate counts, milliseconds. */
  uploadGraceMs: number;
  maxClasses: number;
  requestTimeoutMs: number;
  buildWaitMs: number;
  trustProxy: boolean;
  /** `CLIPN_HOST`. */
  host: string;
  /** `CLIPN_PUBLIC_HOSTS`. */
  publicHosts: string;
  /** `CLIPN_CORS_ORIGINS`. */
  corsOrigins: string;
  openMetrics: boolean;
  openDocs: boolean;
  driftWindowMs: number;
  /** `CLIPN_IMAGE_URLS`. */
  imageUrls: string;
  imageUrlTimeoutMs: number;
}

export interface Lifecycle {
  /** Set while tenants of the last run get their features after a start; until then they answer 409. */
  restoring: boolean;
  /** Set during shutdown. Readiness fails first, so that load balancers stop sending before connections close. */
  draining: boolean;
}

/** The parts of the engine that routes use; tests replace it by a simpler one. */
export type EngineForHttp = ServingEngine;

/** Access control and its audit log. */
export interface AccessParts {
  keyring: Keyring;
  limiter: Limiter;
  quotas: Quotas;
  audit: AuditLog;
}

/** Capture, the images that it has kept, their labels, and the error rates measured on them. */
export interface CaptureParts {
  capture: Capture;
  kept: KeptImages;
  labels: Labels;
  /** Of examples. */
  pictures: ExamplePictures;
  quality: QualityReports;
}

/** Replaces the model that serves. */
export interface ReloadForHttp {
  readonly status: ReloadStatus;
  start(bundle?: string): Promise<void>;
}

/** The gate's current settings for `/v1/ext-authz/*`; they change when the gate file changes. */
export interface GateForHttp {
  settings(): GateSettings;
  audit(): AuditSink | undefined;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Author of the request; anonymous on open routes. */
    principal: Principal;
    /** Undefined if the request belongs to no trace. */
    trace: RequestTrace | undefined;
    /** Set if the refusal is summarised in one log line with others. */
    unlogged: boolean;
  }
  interface FastifyInstance {
    config: HttpConfig;
    engine: EngineForHttp;
    tenants: TenantRegistry;
    access: AccessParts;
    tenantFiles: Pick<WatchedDirectory, 'status'> | undefined;
    /** The current model. */
    model: { readonly bundle: Pick<Bundle, 'manifest' | 'id'> };
    reload: ReloadForHttp;
    drift: DriftMonitor;
    looks: LooksLikeCounts;
    capture: CaptureParts;
    metrics: Metrics;
    tracing: Tracing;
    /** Limits the log lines of refusals. */
    flood: Flood;
    lifecycle: Lifecycle;
    /** The gate in the same process; undefined if there is none. */
    gate: GateForHttp | undefined;
  }
}
