import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import type { Bundle } from './bundle/load.ts';
import type { DriftMonitor } from './drift/index.ts';
import { answerClientError } from './http/client-error.ts';
import type {
  AccessParts,
  CaptureParts,
  EngineForHttp,
  GateForHttp,
  HttpConfig,
  ReloadForHttp,
} from './http/decorators.ts';
import { logRequest } from './http/log-request.ts';
import { accessPlugin } from './http/plugins/access.ts';
import { bodiesPlugin } from './http/plugins/bodies.ts';
import { consolePlugin } from './http/plugins/console.ts';
import { corsPlugin } from './http/plugins/cors.ts';
import { docsPlugin } from './http/plugins/docs.ts';
import { answerUnroutable, errorsPlugin } from './http/plugins/errors.ts';
import { methodNotAllowed } from './http/plugins/method-not-allowed.ts';
import { requestMetricsPlugin } from './http/plugins/request-metrics.ts';
import { sameOriginPlugin } from './http/plugins/same-origin.ts';
import { tracingPlugin } from './http/plugins/tracing.ts';
import { requestId } from './http/request-id.ts';
import { auditList } from './http/routes/admin/audit-list.ts';
import { adminReload } from './http/routes/admin/reload.ts';
import { calibrationCreate } from './http/routes/calibration/create.ts';
import { calibrationDelete } from './http/routes/calibration/delete.ts';
import { calibrationGet } from './http/routes/calibration/get.ts';
import { capturesDelete } from './http/routes/captures/delete.ts';
import { capturesDeleteAll } from './http/routes/captures/delete-all.ts';
import { capturesImage } from './http/routes/captures/image.ts';
import { capturesList } from './http/routes/captures/list.ts';
import { detectRoute } from './http/routes/detect/detect.ts';
import { examplesDelete } from './http/routes/examples/delete.ts';
import { examplesGet } from './http/routes/examples/get.ts';
import { examplesImage } from './http/routes/examples/image.ts';
import { examplesPut } from './http/routes/examples/put.ts';
import { extAuthz, routedUrl } from './http/routes/ext-authz/check.ts';
import { livez } from './http/routes/health/livez.ts';
import { metrics as metricsRoute } from './http/routes/health/metrics.ts';
import { readyz } from './http/routes/health/readyz.ts';
import { keysCreate } from './http/routes/keys/create.ts';
import { keysList } from './http/routes/keys/list.ts';
import { keysRevoke } from './http/routes/keys/revoke.ts';
import { labelsCreate } from './http/routes/labels/create.ts';
import { labelsDelete } from './http/routes/labels/delete.ts';
import { labelsList } from './http/routes/labels/list.ts';
import { tenantQuality } from './http/routes/labels/quality.ts';
import { oipHealth } from './http/routes/oip/health.ts';
import { oipIndex } from './http/routes/oip/index-list.ts';
import { oipInfer } from './http/routes/oip/infer.ts';
import { oipModel } from './http/routes/oip/model.ts';
import { oipServer } from './http/routes/oip/server.ts';
import { tenantsBuildCancel } from './http/routes/tenants/build-cancel.ts';
import { tenantsBuildEvents } from './http/routes/tenants/build-events.ts';
import { tenantsBuildGet } from './http/routes/tenants/build-get.ts';
import { tenantsCheck } from './http/routes/tenants/check.ts';
import { tenantsDelete } from './http/routes/tenants/delete.ts';
import { tenantsDriftGet } from './http/routes/tenants/drift-get.ts';
import { tenantsDriftPin } from './http/routes/tenants/drift-pin.ts';
import { tenantsDriftUnpin } from './http/routes/tenants/drift-unpin.ts';
import { tenantsExport } from './http/routes/tenants/export.ts';
import { tenantsFiles } from './http/routes/tenants/files.ts';
import { tenantsGet } from './http/routes/tenants/get.ts';
import { tenantsImport } from './http/routes/tenants/import.ts';
import { tenantsList } from './http/routes/tenants/list.ts';
import { tenantsLooksLike } from './http/routes/tenants/looks-like.ts';
import { tenantsPut } from './http/routes/tenants/put.ts';
import { tenantsRollback } from './http/routes/tenants/rollback.ts';
import { sheddingServer } from './http/shedding.ts';
import { compileValidator } from './http/validation.ts';
import type { LooksLikeCounts } from './looks/index.ts';
import { Flood } from './telemetry/flood.ts';
import type { Logger } from './telemetry/logger.ts';
import type { Metrics } from './telemetry/metrics.ts';
import { listening, type Tracing } from './telemetry/tracing.ts';
import type { WatchedDirectory } from './tenants/files/watched-directory.ts';
import type { TenantRegistry } from './tenants/registry.ts';

const TENANT_ROUTES = [
  tenantsPut,
  tenantsGet,
  tenantsList,
  tenantsDelete,
  tenantsRollback,
  tenantsCheck,
  tenantsBuildGet,
  tenantsBuildEvents,
  tenantsBuildCancel,
  tenantsFiles,
  tenantsExport,
  tenantsImport,
  tenantsDriftGet,
  tenantsDriftPin,
  tenantsDriftUnpin,
  tenantsLooksLike,
  calibrationCreate,
  calibrationGet,
  calibrationDelete,
  examplesPut,
  examplesGet,
  examplesDelete,
  examplesImage,
];

const REVIEW_ROUTES = [
  capturesList,
  capturesImage,
  capturesDelete,
  capturesDeleteAll,
  labelsCreate,
  labelsList,
  labelsDelete,
  tenantQuality,
];

export interface AppParts {
  config: HttpConfig;
  model: { readonly bundle: Pick<Bundle, 'manifest' | 'id'> };
  engine: EngineForHttp;
  tenants: TenantRegistry;
  access: AccessParts;
  /** The watched directory of tenant files, if there is one. */
  tenantFiles?: Pick<WatchedDirectory, 'status'> | undefined;
  reload: ReloadForHttp;
  drift: DriftMonitor;
  looks: LooksLikeCounts;
  capture: CaptureParts;
  metrics: Metrics;
  /** Without it no spans are made; the log still names the traces of callers. */
  tracing?: Tracing | undefined;
  logger: Logger;
  /** Called before any route is registered, for hooks that must see every route. */
  prepare?: (app: FastifyInstance) => unknown;
  /** The gate, if it runs in this process. */
  gate?: GateForHttp | undefined;
}

/** Builds the complete HTTP application without listening: the serve command listens, tests inject requests. */
export async function buildApp(parts: AppParts): Promise<FastifyInstance> {
  const { config, logger } = parts;
  const lifecycle = { restoring: false, draining: false };
  const flood = new Flood((code, requests) => logger.info({ code, requests }, 'further refusals in this second'));
  // named by its interface, so that the application has Fastify's own type and not one of its logger's
  const log: FastifyBaseLogger = logger;
  const app = Fastify({
    serverFactory: sheddingServer({ ...parts, flood, lifecycle }),
    loggerInstance: log,
    // Fastify's own request lines are off; an onResponse hook below logs one line per request
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: config.maxBodyBytes,
    requestTimeout: config.uploadTimeoutMs,
    trustProxy: config.trustProxy,
    genReqId: (request) => requestId(request.headers['x-request-id']),
    forceCloseConnections: 'idle',
    // no plugin waits for anything outside this process, so that only a lack of processor time can delay one
    pluginTimeout: 0,
    routerOptions: { maxParamLength: 256 },
    rewriteUrl: ({ url = '/' }) => routedUrl(url),
    clientErrorHandler: answerClientError(flood),
    frameworkErrors: (error, request, reply) => answerUnroutable(error, request, reply),
  });
  app.setValidatorCompiler(({ schema, httpPart }) => compileValidator(schema as object, httpPart));
  // replies are built from typed objects; a serializer made from the schemas could only drop fields
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));

  app.decorate('config', config);
  app.decorate('model', parts.model);
  app.decorate('reload', parts.reload);
  app.decorate('engine', parts.engine);
  app.decorate('tenants', parts.tenants);
  app.decorate('access', parts.access);
  app.decorate('tenantFiles', parts.tenantFiles);
  app.decorate('drift', parts.drift);
  app.decorate('looks', parts.looks);
  app.decorate('capture', parts.capture);
  app.decorate('metrics', parts.metrics);
  app.decorate('tracing', parts.tracing ?? listening);
  app.decorate('gate', parts.gate);
  app.decorate('flood', flood);
  app.decorate('lifecycle', lifecycle);

  parts.prepare?.(app);
  // hooks of every request use callbacks, because promises would make refusing a request about a tenth slower
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    done();
  });
  await app.register(tracingPlugin);
  // an open kept-alive connection would delay the shutdown
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (app.lifecycle.draining) reply.header('connection', 'close');
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    if (!request.unlogged) logRequest(request, reply);
    done();
  });
  await app.register(errorsPlugin);
  // before access, so that a page may read refusals as well
  await app.register(corsPlugin);
  // first, because lines of the log and counts of refused requests name the principal
  await app.register(accessPlugin);
  await app.register(sameOriginPlugin);
  await app.register(bodiesPlugin);
  await app.register(requestMetricsPlugin);
  const refuseOtherMethods = methodNotAllowed(app);
  await app.register(docsPlugin);
  await app.register(consolePlugin);
  await app.register(livez);
  await app.register(readyz);
  await app.register(metricsRoute);
  await app.register(detectRoute);
  for (const route of [...TENANT_ROUTES, ...REVIEW_ROUTES]) await app.register(route);
  for (const route of [keysCreate, keysList, keysRevoke, auditList, adminReload]) await app.register(route);
  for (const route of [oipServer, oipHealth, oipModel, oipIndex, oipInfer, extAuthz]) await app.register(route);
  refuseOtherMethods();
  return app;
}
