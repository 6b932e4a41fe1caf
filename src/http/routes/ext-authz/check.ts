import { METHODS } from 'node:http';
import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { isLoopback } from '../../../access/index.ts';
import { toProblem } from '../../../errors/index.ts';
import { type Route, tenantOf } from '../../../gate/index.ts';
import type { TenantAccess } from '../../access.ts';
import { collect } from '../../bodies/collect.ts';
import { bytesParser } from '../../bodies/parsers.ts';
import { departureOf } from '../../departure.ts';
import { logFailure } from '../../log-failure.ts';
import { toServiceError } from '../../plugins/errors.ts';
import { ProblemResponses } from '../../schemas/problem.ts';
import { ALONE } from './alone.ts';
import { Authorizer, clientRoute } from './authorizer.ts';
import { clientRequest, PREFIX } from './client-request.ts';

/**
 * The address that the router sees. Behind the prefix is the path of the client's request, which may be malformed or too long
 * for a route of this service; `originalUrl` keeps it.
 */
export const routedUrl = (url: string): string => (url.startsWith(`${PREFIX}/`) ? `${PREFIX}/*` : url);

/**
 * `/v1/ext-authz/*`: external authorization over HTTP for Envoy, and for proxies that name the client's request in
 * X-Forwarded-Method and X-Forwarded-Uri. 200 lets the request pass and 403 refuses it, each with x-clipn-* headers; 503 means
 * that there is no verdict. 429 is not used, because Envoy treats it as a refusal.
 */
export const extAuthz: FastifyPluginAsync = async (app) => {
  const authorizer = new Authorizer(app);
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
  const handler: Parameters<typeof app.route>[0]['handler'] = async (request, reply) => {
    const client = clientRequest(request, await unparsedBody(request));
    const { status, forClient, refusal } = await authorizer.decide(request, client, departureOf(reply));
    for (const [name, value] of forClient) reply.header(name, value);
    if (!refusal) return reply.code(status).send();
    if (status === 503) reply.header('retry-after', '1');
    return reply.code(status).type(refusal.type).send(refusal.body);
  };
  const schema = {
    operationId: 'extAuthz',
    tags: ['gate'],
    summary: "Envoy's external authorization over HTTP",
    description:
      '200: the request may pass. 403: an image shows none of the classes. 503: there is no verdict. Any method, any body.',
    response: { 200: Type.Null({ description: 'The request may pass.' }), ...ProblemResponses },
  };
  // the gate's reading decodes bodies by itself, and accounts for every byte of them
  const config = { access, anyOrigin: askedByProxies, keepsCoding: true };
  const others = [...app.supportedMethods, ...addOtherMethods(app)].filter((m) => m !== 'POST');
  for (const url of [PREFIX, `${PREFIX}/*`]) {
    app.route({ method: 'POST', url, config, schema: { ...schema, hide: url === PREFIX }, handler });
    app.route({ method: others as 'GET'[], url, config, schema: { hide: true }, handler });
  }
};

/** Longest wait for a body that may not come, milliseconds. */
const WAIT_MS = 500;

/**
 * The body of a question with a method whose body Fastify does not read, such as GET. nginx announces the client's body without
 * sending it; a proxy that sends it has it already.
 */
async function unparsedBody(request: FastifyRequest): Promise<Buffer | undefined> {
  if (request.body !== undefined || !(Number(request.headers['content-length']) > 0)) return undefined;
  const late = new Promise<undefined>((resolve) => setTimeout(resolve, WAIT_MS, undefined).unref());
  return Promise.race([collect(request, request.raw), late]);
}

/** Makes the router know every method that Node's parser reads: a client's PROPFIND is no reason for a refusal. */
function addOtherMethods(app: FastifyInstance): string[] {
  const others = METHODS.filter((method) => !app.supportedMethods.includes(method as 'GET') && method !== 'CONNECT');
  for (const method of others) app.addHttpMethod(method, { hasBody: true });
  return others;
}

/**
 * Whether a proxy may ask with the headers of its client, which name the client's host and origin. A service of one machine
 * without a gate file was not set up for a proxy, and a page in a browser of that machine sends the same headers.
 */
const askedByProxies = ({ gate, config: { host } }: FastifyInstance): boolean =>
  gate !== undefined || !isLoopback(host);

/** A request without a gate route has no tenant, so any key for verdicts is enough. */
const access: TenantAccess = {
  scope: 'detect',
  tenant: (request: FastifyRequest) =>
    request.server.gate
      ? (clientRoute(request.server, clientRequest(request))?.tenant ?? null)
      : tenantOf(ALONE.routes[0] as Route, {}, request.headers),
};
