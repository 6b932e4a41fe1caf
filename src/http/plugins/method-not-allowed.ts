import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ServiceError } from '../../errors/index.ts';
import type { RouteAccess } from '../access.ts';

/** Headers that pages of other origins may send: those that operations read. */
const REQUEST_HEADERS =
  'authorization, content-type, if-match, if-none-match, inference-header-content-length, prefer, traceparent, tracestate, ' +
  'x-api-key, x-request-id, x-request-priority, x-request-timeout-ms';
/** Seconds for which browsers keep the answer to a preflight; two hours is the most that they accept. */
const PREFLIGHT_SECONDS = 7200;

/** Methods of one address with the access of each. */
type Methods = Map<string, RouteAccess | undefined>;

/** The address of a route as it was declared, such as `/v1/tenants/:id`, and its methods for the header Allow. */
export interface KnownAddress {
  url: string;
  allow: string;
}

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
  // in a hook, so that the body is not read; a route for each other method would make the start a tenth longer
  app.addHook('onRequest', (request, reply, done) => {
    const address = request.is404 ? app.addressOf?.(request.url) : undefined;
    if (address) reply.header('allow', address.allow);
    done(address && refused(request, address));
  });
  return () => {
    collecting = false;
    // of an address that a plugin has with and without a slash at its end, only one is announced whole
    for (const [url, methods] of known) {
      for (const [method, access] of known.get(url.replace(/(?<=.)\/$/, '')) ?? []) methods.set(method, access);
    }
    for (const [url, methods] of known) answerOptions(app, url, methods);
    const addresses = [...known].map(([url, methods]) => ({ pattern: patternOf(url), url, allow: allowOf(methods) }));
    // the router, too, takes a fixed part before a parameter
    addresses.sort((a, b) => parametersOf(a.url) - parametersOf(b.url));
    app.decorate('addressOf', (url: string) => {
      const path = pathOf(url);
      return path.length > LONGEST_PATH ? undefined : addresses.find(({ pattern }) => pattern.test(path));
    });
  };
}

/** Characters of the longest path that may be an address; a parameter has at most 256. */
const LONGEST_PATH = 1000;

/** The path of a request, decoded like that of a route. */
function pathOf(url: string): string {
  const path = url.split('?', 1)[0] as string;
  try {
    return decodeURI(path);
  } catch {
    return path;
  }
}

const refused = ({ method }: FastifyRequest, { url, allow }: KnownAddress) =>
  new ServiceError('method_not_allowed', `${url} supports ${allow}, not ${method}.`);

const allowOf = (methods: Methods) => [...new Set([...methods.keys(), 'OPTIONS'])].sort().join(', ');

const parametersOf = (url: string) => url.match(/[:*]/g)?.length ?? 0;

/** The paths that a route's address matches. */
function patternOf(url: string): RegExp {
  const text = url.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/:[A-Za-z]+/g, '[^/]+');
  return new RegExp(`^${text.replaceAll('*', '.*')}$`);
}

function answerOptions(app: FastifyInstance, url: string, methods: Methods): void {
  if (methods.has('OPTIONS')) return;
  const allow = allowOf(methods);
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
    /** The address of a route that has this path; undefined where none has it. */
    addressOf: ((url: string) => KnownAddress | undefined) | undefined;
  }
}
