import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify';
import { ServiceError } from '../../errors/index.ts';
import type { RouteAccess } from '../access.ts';

const METHODS: HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'TRACE'];
/** Headers that pages of other origins may send: those that operations read. */
const REQUEST_HEADERS =
  'authorization, content-type, if-match, if-none-match, inference-header-content-length, prefer, traceparent, tracestate, ' +
  'x-api-key, x-request-id, x-request-priority, x-request-timeout-ms';
/** Seconds for which browsers keep the answer to a preflight; two hours is the most that they accept. */
const PREFLIGHT_SECONDS = 7200;

/** Methods of one address with the access of each. */
type Methods = Map<string, RouteAccess | undefined>;

/**
 * Collects the methods of each address. Call it before routes are registered, and its result after them. OPTIONS then answers with
 * an Allow header, also for pages of other origins (a CORS preflight). Other methods get 405 with the same header instead of 404,
 * which would suggest a wrong address.
 */
export function methodNotAllowed(app: FastifyInstance): () => void {
  const known = new Map<string, Methods>();
  let collecting = true;
  app.addHook('onRoute', ({ url, method, config }) => {
    if (!collecting) return;
    const methods = known.get(url) ?? new Map();
    for (const m of [method].flat()) methods.set(m, config?.access);
    known.set(url, methods);
  });
  return () => {
    collecting = false;
    // of an address that a plugin has with and without a slash at its end, only one is announced whole
    for (const [url, methods] of known) {
      for (const [method, access] of known.get(url.replace(/(?<=.)\/$/, '')) ?? []) methods.set(method, access);
    }
    for (const [url, methods] of known) addOthers(app, url, methods);
    const patterns = [...known].map(([url, methods]) => ({ pattern: patternOf(url), allow: allowOf(methods) }));
    app.decorate('allowedMethods', (path: string) => patterns.find(({ pattern }) => pattern.test(path))?.allow);
  };
}

const allowOf = (methods: Methods) => [...new Set([...methods.keys(), 'OPTIONS'])].sort().join(', ');

/** The paths that a route's address matches. */
function patternOf(url: string): RegExp {
  const text = url.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/:[A-Za-z]+/g, '[^/]+');
  return new RegExp(`^${text.replaceAll('*', '.*')}$`);
}

function addOthers(app: FastifyInstance, url: string, methods: Methods): void {
  const allow = allowOf(methods);
  const others = METHODS.filter((m) => !methods.has(m));
  if (others.length > 0) {
    app.route({
      method: others,
      url,
      config: { access: 'open' },
      schema: { hide: true },
      // in the first hook, so that the body is not read
      onRequest: async (request, reply) => {
        reply.header('allow', allow);
        throw new ServiceError('method_not_allowed', `${url} supports ${allow}, not ${request.method}.`);
      },
      handler: () => {},
    });
  }
  if (methods.has('OPTIONS')) return;
  app.route({
    method: 'OPTIONS',
    url,
    config: { access: 'open', preflight: true },
    schema: { hide: true },
    logLevel: 'warn',
    onRequest: async (request, reply) => {
      answerPreflight(request, reply, methods);
      return reply.code(204).header('allow', allow).send();
    },
    handler: () => {},
  });
}

/** Answers the question of a browser whether a page of another origin may send a request. */
function answerPreflight(request: FastifyRequest, reply: FastifyReply, methods: Methods): void {
  const { origin, 'access-control-request-method': asked } = request.headers;
  const { cors } = request.server;
  if (asked === undefined || !methods.has(asked) || !cors.permits(origin, methods.get(asked))) return;
  cors.expose(reply, origin as string);
  reply.header('access-control-allow-methods', asked);
  reply.header('access-control-allow-headers', REQUEST_HEADERS);
  reply.header('access-control-max-age', String(PREFLIGHT_SECONDS));
}

declare module 'fastify' {
  interface FastifyInstance {
    /** The methods of a path, for the header Allow; undefined where no route has the path. */
    allowedMethods: ((path: string) => string | undefined) | undefined;
  }
}
