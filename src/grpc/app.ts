import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import { ServiceError } from '../errors/index.ts';
import { logFailure } from '../http/log-failure.ts';
import { logRequest } from '../http/log-request.ts';
import { accessPlugin } from '../http/plugins/access.ts';
import { toServiceError } from '../http/plugins/errors.ts';
import { requestMetricsPlugin } from '../http/plugins/request-metrics.ts';
import { tracingPlugin } from '../http/plugins/tracing.ts';
import { requestId } from '../http/request-id.ts';
import { answerError } from './answer.ts';
import { receiveMessage } from './receive.ts';
import { authorizationCall } from './routes/authorization.ts';
import { healthCall } from './routes/health.ts';
import { inferCall } from './routes/infer.ts';
import { oipCalls } from './routes/oip.ts';
import { type GrpcServer, grpcServer } from './server.ts';
import { adoptTimeout } from './terms.ts';

/** Gives `app` the parts of the HTTP application that calls use as well: one set of keys, limits, metrics, budgets. */
function share(app: FastifyInstance, http: FastifyInstance): void {
  app.decorate('config', http.config);
  app.decorate('model', http.model);
  app.decorate('reload', http.reload);
  app.decorate('engine', http.engine);
  app.decorate('tenants', http.tenants);
  app.decorate('access', http.access);
  app.decorate('drift', http.drift);
  app.decorate('metrics', http.metrics);
  app.decorate('tracing', http.tracing);
  app.decorate('gate', http.gate);
  app.decorate('flood', http.flood);
  app.decorate('lifecycle', http.lifecycle);
  app.decorate('bodyBudget', http.bodyBudget);
}

export interface GrpcApp extends Pick<GrpcServer, 'closeIdleConnections' | 'closeAllConnections'> {
  listen(options: { host: string; port: number } | { path: string }): Promise<string>;
  close(): Promise<void>;
}

/**
 * The gRPC interface: the Open Inference Protocol, Envoy's external authorization and the health check. A call is a request of
 * HTTP/2, so access, limits, traces, metrics and the log are those of the HTTP application, by the same hooks. No check of
 * Host and Origin is needed: a page in a browser cannot open a connection of HTTP/2 without TLS.
 * @param http the HTTP application, whose parts are shared
 */
export async function buildGrpcApp(http: FastifyInstance): Promise<GrpcApp> {
  const { factory, ...connections } = grpcServer();
  const log: FastifyBaseLogger = http.log;
  const app = Fastify({
    // Fastify's types have one kind of server for an application and its hooks, and the hooks are those of HTTP/1
    serverFactory: factory as never,
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: (request) => requestId(request.headers['x-request-id']),
    forceCloseConnections: false,
    frameworkErrors: (error, request, reply) => fail(error, request, reply),
  });
  share(app, http);
  app.decorateRequest('unlogged', false);
  app.decorateRequest('reservation');
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    adoptTimeout(request.headers);
    // before the message is read
    done(!isGrpc(request) ? notGrpc() : request.is404 ? noCall(request) : undefined);
  });
  await app.register(tracingPlugin);
  app.addHook('onResponse', (request, reply, done) => {
    if (!request.unlogged) logRequest(request, reply);
    done();
  });
  await app.register(accessPlugin);
  await app.register(requestMetricsPlugin);
  app.setErrorHandler(fail);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (request: FastifyRequest, payload: NodeJS.ReadableStream) =>
    receiveMessage(request, payload, app.bodyBudget),
  );
  healthCall(app);
  oipCalls(app);
  inferCall(app);
  authorizationCall(app);
  return { listen: (options) => app.listen(options), close: () => app.close(), ...connections };
}

function fail(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const service = toServiceError(error);
  const level = service.status >= 500 && service.code !== 'engine_unavailable' ? 'error' : 'info';
  logFailure(request, service, level);
  answerError(reply, service);
}

const isGrpc = ({ headers }: FastifyRequest) =>
  /^application\/grpc(\+proto)?(;|$)/i.test(headers['content-type'] ?? '');
const notGrpc = () =>
  new ServiceError('unsupported_media_type', 'This port speaks gRPC: application/grpc with protocol buffers.');
const noCall = ({ url }: FastifyRequest) => new ServiceError('not_found', `There is no call ${url.slice(0, 200)}.`);
