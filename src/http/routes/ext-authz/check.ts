import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { isLoopback } from '../../../access/index.ts';
import { toProblem } from '../../../errors/index.ts';
import {
  annotations,
  type Conclusion,
  decide,
  decidedFor,
  type FailCause,
  findRoute,
  type GateSettings,
  type Inspection,
  Inspector,
  type Route,
  render,
  settingsOf,
  templateValues,
  tenantOf,
  unjudged,
} from '../../../gate/index.ts';
import type { TenantAccess } from '../../access.ts';
import { bytesParser } from '../../bodies/parsers.ts';
import { gateObserver } from '../../gate-observer.ts';
import { limitedTenantOf } from '../../limits.ts';
import { logFailure } from '../../log-failure.ts';
import { toServiceError } from '../../plugins/errors.ts';

const PREFIX = '/v1/ext-authz';
/** Causes that concern the body and not this service: neither a retry nor failure_mode_allow changes them. */
const ABOUT_THE_BODY: ReadonlySet<FailCause> = new Set(['unexamined', 'undecodable', 'no_image']);

/** Settings without a gate file: every body is inspected for the tenant of x-clipn-tenant. Without a verdict Envoy decides. */
const ALONE: GateSettings = settingsOf({
  upstream: { url: 'http://localhost' },
  routes: [
    {
      name: 'ext-authz',
      match: { path: '/**', methods: ['POST', 'PUT', 'PATCH'] },
      mode: 'enforce',
      tenant: { header: 'x-clipn-tenant', default: 'demo' },
      fail: { default: 'closed', no_image: 'open' },
    },
  ],
});

/**
 * `/v1/ext-authz/*`: Envoy's external authorization over HTTP. The path after the prefix is that of the client's request. 200
 * lets the request pass and 403 refuses it, each with x-clipn-* headers; 503 means that there is no verdict. 429 is not used,
 * because Envoy treats it as a refusal.
 */
export const extAuthz: FastifyPluginAsync = async (app) => {
  const observer = gateObserver(app.metrics, app.log);
  const inspector = new Inspector(app.engine, app.tenants);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', bytesParser);
  app.setErrorHandler((error, request, reply) => {
    const service = toServiceError(error);
    logFailure(request, service, 'info');
    // a missing or insufficient key is a mistake in the mesh; every other error, 429 included, means that there is no verdict
    const status = service.status === 401 || service.status === 403 ? service.status : 503;
    return reply
      .code(status)
      .type('application/problem+json')
      .send({ ...toProblem(service, request.id), status });
  });
  const handler = async (request: FastifyRequest, reply: FastifyReply) => {
    const found = lookUp(request);
    if (!found) return reply.code(200).send();
    const { route, tenant, settings } = found;
    const decided = decidedFor(route, tenant, settings);
    if (decided.mode === 'off') return reply.code(200).send();

    const began = performance.now();
    const { limiter } = app.access;
    const limited = limitedTenantOf(app.tenants, tenant);
    limiter.check(request.principal, limited);
    request.trace?.lap('receive');
    const inspection = await inspect(inspector, { route, decided, tenant }, request, reply);
    limiter.charge(request.principal, limited, inspection.images.length);
    if (reply.raw.destroyed) return reply;
    const subject = { request, route, decided, tenant, requestId: request.id, trace: request.trace };
    const conclusion = decide(subject, inspection, { began, observer, audit: app.gate?.audit() });
    if (decided.mode !== 'shadow' || route.headers) {
      for (const [name, value] of annotations(inspection, conclusion, decided.mode)) reply.header(name, value);
    }
    return answer(request, reply, { route, inspection, conclusion });
  };
  const schema = {
    operationId: 'extAuthz',
    tags: ['gate'],
    summary: "Envoy's external authorization over HTTP",
    description:
      '200: the request may pass. 403: an image shows none of the classes. 503: there is no verdict. Any method, any body.',
  };
  const config = { access, anyOrigin: askedByProxies };
  const others = app.supportedMethods.filter((m) => m !== 'POST');
  for (const url of [PREFIX, `${PREFIX}/*`]) {
    app.route({ method: 'POST', url, config, schema: { ...schema, hide: url === PREFIX }, handler });
    app.route({ method: others as 'GET'[], url, config, schema: { hide: true }, handler });
  }
};

/**
 * Whether a proxy may ask with the headers of its client, which name the client's host and origin. A service of one machine
 * without a gate file was not set up for a proxy, and a page in a browser of that machine sends the same headers.
 */
const askedByProxies = ({ gate, config: { host } }: FastifyInstance): boolean =>
  gate !== undefined || !isLoopback(host);

/** The gate's route for the path after the prefix, and its tenant. */
function lookUp(request: FastifyRequest): { settings: GateSettings; route: Route; tenant: string } | undefined {
  const settings = request.server.gate?.settings() ?? ALONE;
  const target = request.url.slice(PREFIX.length) || '/';
  const found = findRoute(settings.routes, request.method, target.startsWith('/') ? target : `/${target}`);
  return found && { settings, route: found.route, tenant: tenantOf(found.route, found.pieces, request.headers) };
}

/** A request without a gate route has no tenant, so any key for verdicts is enough. */
const access: TenantAccess = {
  scope: 'detect',
  tenant: (request) =>
    request.server.gate ? (lookUp(request)?.tenant ?? null) : tenantOf(ALONE.routes[0] as Route, {}, request.headers),
};

function inspect(
  inspector: Inspector,
  subject: { route: Route; decided: ReturnType<typeof decidedFor>; tenant: string },
  { body, headers, raw, url, trace }: FastifyRequest,
  reply: FastifyReply,
): Promise<Inspection> | Inspection {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.alloc(0);
  if (headers['x-envoy-auth-partial-body'] === 'true')
    return unjudged(subject.tenant, 'too_large', 'Envoy sent only the beginning of the body');
  if (bytes.length > subject.route.maxBodyBytes)
    return unjudged(subject.tenant, 'too_large', 'the body is larger than the limit of this route');
  const gone = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort(new Error('the client disconnected'));
  });
  return inspector
    .inspect({ ...subject, body: bytes, headers, rawHeaders: raw.rawHeaders, target: url, trace }, gone.signal)
    .then((inspection) => {
      // Envoy forwards the original request, so images cannot be filtered out of it
      const { filter: _, ...extraction } = inspection.extraction;
      return { ...inspection, extraction };
    });
}

function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  { route, inspection, conclusion }: { route: Route; inspection: Inspection; conclusion: Conclusion },
): FastifyReply {
  const { action, cause } = conclusion;
  if (action === 'pass') return reply.code(200).send();
  const denied = action !== 'refuse' || (cause !== undefined && ABOUT_THE_BODY.has(cause));
  const status = denied ? 403 : 503;
  const template = action === 'refuse' ? route.failReject : route.reject;
  const values = templateValues(inspection, conclusion, { requestId: request.id, route: route.name });
  const text = render(template.body, template.content_type, { ...values, status });
  if (!denied) reply.header('retry-after', '1');
  return reply.code(status).type(template.content_type).send(text);
}
