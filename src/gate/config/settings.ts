import type { UploadRateLimit } from '../../slow-uploads.ts';
import { WITH_BODY } from '../methods.ts';
import type { ServingMethod } from '../seams.ts';
import { type PathPattern, pathPattern } from './path-pattern.ts';
import {
  type AdapterName,
  type AuditConfig,
  type BatchRule,
  FAIL_CAUSES,
  type FailAction,
  type FailCause,
  type GateFile,
  type Mode,
  type RouteConfig,
  type StickyKey,
  type TemplateConfig,
  type UncertainAction,
} from './schema.ts';

const MiB = 2 ** 20;

type FailTemplate = Omit<Required<TemplateConfig>, 'status'> & { status?: number };

/** The settings that apply to one request: those of its route, with the exceptions of its tenant. */
export interface Decided {
  mode: Mode;
  method: ServingMethod | undefined;
  /** Undefined: the method decides about uncertain images too. */
  uncertain: UncertainAction | undefined;
  percent: number;
  batch: BatchRule;
  fail: Record<FailCause, FailAction>;
}

export interface Route extends Decided {
  name: string;
  path: PathPattern;
  methods: ReadonlySet<string>;
  tenant: string | { header: string; default?: string | undefined };
  adapter: AdapterName;
  /** Undefined: as the service is configured. */
  orientation: 'apply' | 'ignore' | undefined;
  pointers: string[] | undefined;
  answerPointer: string | undefined;
  fields: string[] | undefined;
  sticky: StickyKey;
  budgetMs: number;
  parallel: boolean;
  maxBodyBytes: number;
  maxImages: number;
  maxFrames: number;
  headers: boolean;
  idempotent: boolean;
  reject: Required<TemplateConfig>;
  /** Without a status, that of the cause applies. */
  failReject: FailTemplate;
  fallback: URL | undefined;
  placeholder: unknown;
}

export interface UpstreamSettings {
  url: URL;
  connectTimeoutMs: number;
  responseTimeoutMs: number;
  idleTimeoutMs: number;
  /** How long an idle connection is kept for the next request. */
  keepAliveMs: number;
  maxConnections: number;
  retries: number;
  host: 'client' | 'upstream';
}

/** The gate's file with all defaults filled in. */
export interface GateSettings {
  listen: {
    host: string;
    port: number;
    headersTimeoutMs: number;
    /** Request line and header fields together. */
    maxHeaderBytes: number;
    requestTimeoutMs: number;
    uploadRate: UploadRateLimit;
    maxConnections: number | undefined;
  };
  upstream: UpstreamSettings;
  forwarded: 'append' | 'replace' | 'off';
  maxBufferedBytes: number;
  routes: Route[];
  tenants: NonNullable<GateFile['tenants']>;
  audit: Required<AuditConfig> | undefined;
}

const REJECT: Required<TemplateConfig> = {
  status: 422,
  content_type: 'application/problem+json',
  headers: {},
  body:
    '{"type":"urn:clipn-gate:problem:out_of_distribution","title":"The image shows none of the classes","status":{{status}},' +
    '"code":"out_of_distribution","detail":"The image shows none of the classes that this model knows.",' +
    '"instance":"{{request_id}}","images":{{ood_indices}}}',
};

const FAIL_REJECT: FailTemplate = {
  content_type: 'application/problem+json',
  headers: { 'retry-after': '1' },
  body:
    '{"type":"urn:clipn-gate:problem:not_checked","title":"The image could not be checked","status":{{status}},' +
    '"code":"not_checked","detail":"The image could not be checked, and nothing unchecked passes here.",' +
    '"instance":"{{request_id}}","cause":"{{cause}}"}',
};

export function failTable(
  policy: RouteConfig['fail'],
  base: Record<FailCause, FailAction>,
): Record<FailCause, FailAction> {
  if (policy === undefined) return base;
  const of = (cause: FailCause): FailAction =>
    typeof policy === 'string' ? policy : (policy[cause] ?? policy.default ?? base[cause]);
  return Object.fromEntries(FAIL_CAUSES.map((cause) => [cause, of(cause)])) as Record<FailCause, FailAction>;
}

/**
 * Actions without `fail`. Causes that a client can bring about, by the bytes of its request or its tenant, are closed;
 * otherwise a client could choose a cause that is open. Causes from the service's own state are open, and so are requests
 * without an image.
 */
const FAIL_DEFAULTS: Record<FailCause, FailAction> = {
  unexamined: 'closed',
  undecodable: 'closed',
  too_large: 'closed',
  deadline: 'closed',
  no_tenant: 'closed',
  uncalibrated: 'closed',
  engine_down: 'open',
  overloaded: 'open',
  no_image: 'open',
};

/** Merges the defaults of the code, those of the file and the settings of the route; later ones win. */
function route(config: RouteConfig, index: number, defaults: NonNullable<GateFile['defaults']>): Route {
  const c = { ...defaults, ...config };
  return {
    name: c.name ?? config.match.path ?? String(index),
    path: pathPattern(config.match.path, config.match.case_sensitive),
    methods: new Set(config.match.methods ?? WITH_BODY),
    tenant:
      typeof c.tenant === 'object' ? { ...c.tenant, header: c.tenant.header.toLowerCase() } : (c.tenant ?? 'demo'),
    adapter: c.adapter ?? 'auto',
    orientation: c.orientation,
    pointers: c.pointers,
    answerPointer: c.answer_pointer,
    fields: c.fields,
    mode: c.mode ?? 'shadow',
    method: c.method,
    uncertain: c.uncertain,
    percent: c.percent ?? 100,
    sticky: c.sticky ?? 'image',
    batch: c.batch ?? 'any',
    budgetMs: c.budget_ms ?? 1000,
    parallel: c.parallel ?? false,
    maxBodyBytes: c.max_body_bytes ?? 16 * MiB,
    maxImages: c.max_images ?? 64,
    maxFrames: c.max_frames ?? Number.POSITIVE_INFINITY,
    headers: c.headers ?? false,
    idempotent: c.idempotent ?? false,
    fail: failTable(config.fail, failTable(defaults.fail, FAIL_DEFAULTS)),
    reject: { ...REJECT, ...c.reject },
    failReject: { ...FAIL_REJECT, ...c.fail_reject },
    fallback: c.fallback === undefined ? undefined : new URL(c.fallback),
    placeholder: c.placeholder,
  };
}

/** @param file a validated file */
export function settingsOf(file: GateFile): GateSettings {
  const { listen = {}, upstream, defaults = {} } = file;
  return {
    listen: {
      host: listen.host ?? '127.0.0.1',
      port: listen.port ?? 8081,
      headersTimeoutMs: listen.headers_timeout_ms ?? 15_000,
      maxHeaderBytes: listen.max_header_bytes ?? 16 * 1024,
      requestTimeoutMs: listen.request_timeout_ms ?? 120_000,
      uploadRate: { bytesPerSecond: listen.upload_min_rate ?? 500, graceMs: listen.upload_grace_ms ?? 10_000 },
      maxConnections: listen.max_connections,
    },
    upstream: {
      url: new URL(upstream.url),
      connectTimeoutMs: upstream.connect_timeout_ms ?? 2000,
      responseTimeoutMs: upstream.response_timeout_ms ?? 60_000,
      idleTimeoutMs: upstream.idle_timeout_ms ?? 60_000,
      // below the shortest usual time of servers: gunicorn closes idle connections after 2 s, Node.js and uvicorn after 5
      keepAliveMs: upstream.keep_alive_ms ?? 1500,
      maxConnections: upstream.max_connections ?? 256,
      retries: upstream.retries ?? 1,
      host: upstream.host ?? 'client',
    },
    forwarded: file.forwarded ?? 'append',
    maxBufferedBytes: file.max_buffered_bytes ?? 256 * MiB,
    routes: file.routes.map((r, i) => route(r, i, defaults)),
    tenants: file.tenants ?? {},
    audit: file.audit && { max_bytes: 64 * MiB, keep: 5, queue: 10_000, ...file.audit },
  };
}

/** The route's settings with the exceptions of the tenant. */
export function decidedFor(route: Route, tenant: string, { tenants }: Pick<GateSettings, 'tenants'>): Decided {
  const exception = Object.hasOwn(tenants, tenant) ? tenants[tenant] : undefined;
  if (!exception) return route;
  return {
    mode: exception.mode ?? route.mode,
    method: exception.method ?? route.method,
    uncertain: exception.uncertain ?? route.uncertain,
    percent: exception.percent ?? route.percent,
    batch: exception.batch ?? route.batch,
    fail: failTable(exception.fail, route.fail),
  };
}
