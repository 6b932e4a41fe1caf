import type { FastifyReply } from 'fastify';
import fp from 'fastify-plugin';
import type { RouteAccess } from '../access.ts';

/** Which pages of other origins may call the service (`CLIPN_CORS_ORIGINS`). */
export interface CorsPolicy {
  /** Whether a page of `origin` may use a route with this access. */
  permits(origin: string | undefined, access: RouteAccess | undefined): boolean;
  /** Sets the headers with which a browser lets the page read the reply. */
  expose(reply: FastifyReply, origin: string): void;
}

/** Headers of replies that pages may read, in addition to those that every page may. */
const EXPOSED =
  'etag, inference-header-content-length, location, ratelimit, ratelimit-policy, retry-after, x-request-id';

/** Origins as browsers write them: without a default port and in lower case. */
export function originsOf(setting: string): ReadonlySet<string> {
  const names = setting.split(',').map((name) => name.trim());
  const plain = names.map((name) =>
    /^https?:/i.test(name) && URL.canParse(name) ? new URL(name).origin : name.toLowerCase(),
  );
  return new Set(plain.filter((name) => name !== ''));
}

/**
 * Cross-origin resource sharing. Keys decide what a page may do; credentials of the browser (cookies) are not used. Without keys a
 * listed page gets verdicts and the documentation, and changes nothing: a page must not manage a service that trusts its network.
 */
export const corsPlugin = fp(async (app) => {
  const origins = originsOf(app.config.corsOrigins);
  const every = origins.has('*');
  const { keyring } = app.access;
  const usable = (access: RouteAccess | undefined) =>
    keyring.required ||
    access === 'open' ||
    access === 'docs' ||
    (typeof access === 'object' && access.scope === 'detect');
  const cors: CorsPolicy = {
    permits: (origin, access) => origin !== undefined && (every || origins.has(origin)) && usable(access),
    expose: (reply, origin) => {
      reply.header('access-control-allow-origin', every ? '*' : origin);
      reply.header('access-control-expose-headers', EXPOSED);
    },
  };
  app.decorate('cors', cors);
  if (origins.size === 0) return;
  app.addHook('onRequest', (request, reply, done) => {
    const { access, preflight } = request.routeOptions.config;
    const { origin } = request.headers;
    if (!every) reply.header('vary', 'origin');
    // errors of unknown addresses are readable too; a preflight is answered for the method that it asks about
    if (!preflight && cors.permits(origin, request.is404 ? 'open' : access)) cors.expose(reply, origin as string);
    done();
  });
});

declare module 'fastify' {
  interface FastifyInstance {
    cors: CorsPolicy;
  }
  interface FastifyContextConfig {
    /** The route answers OPTIONS for an address. */
    preflight?: boolean;
  }
}
