import type { FastifyInstance, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { ServiceError } from '../../errors/index.ts';
import type { RouteAccess } from '../access.ts';
import { isCrossOrigin, isKnownHost, publicHosts } from '../origin.ts';

/** Methods that change nothing. A page of another origin may send them, but cannot read the answer. */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

/** The log must not grow with headers. */
const short = (text: string) => text.slice(0, 300);

/**
 * While no key is needed, a browser on this machine must not become the way in: requests must name a host of this service, and
 * requests that change something must not come from a page of another origin. With keys both are left out, because a page
 * elsewhere has none. Routes with `anyOrigin` are exempt.
 */
export const sameOriginPlugin = fp(async (app) => {
  const { keyring } = app.access;
  const hosts = publicHosts(app.config.publicHosts, app.config.host);
  app.addHook('onRequest', (request, _reply, done) => {
    const { access = request.is404 ? 'open' : undefined, anyOrigin } = request.routeOptions.config;
    // HTTP/1.1 needs Host; Node's own refusal would have no body
    if (request.headers.host === undefined && request.raw.httpVersion === '1.1') {
      done(new ServiceError('invalid_request', 'The request has no header Host, which HTTP/1.1 needs.'));
      return;
    }
    const exempt = keyring.required || anyOrigin?.(app) || (access === 'metrics' && app.config.openMetrics);
    done(exempt ? undefined : fault(request, access));
  });

  function fault({ headers, host, method, socket }: FastifyRequest, access?: RouteAccess): ServiceError | undefined {
    const named = headers.host === undefined ? undefined : host;
    // with a trusted proxy `host` is X-Forwarded-Host, which a page may set itself; a page cannot set Host
    const known = [headers.host, named].every((name) => isKnownHost(name, socket.localAddress, hosts));
    if (!known) {
      return new ServiceError(
        'unknown_host',
        'The host of this request is not a name of this service. Without API keys only localhost, the address of the ' +
          'connection and the names in CLIPN_PUBLIC_HOSTS are answered.',
        { internal: short(`Host: ${headers.host}, in use: ${named}`) },
      );
    }
    if (SAFE.has(method)) return undefined;
    if (app.cors.permits(headers.origin, access)) return undefined;
    const site = headers['sec-fetch-site'];
    const { origin } = headers;
    if (!isCrossOrigin({ origin, host: named, site: site === undefined ? undefined : String(site) }, hosts)) {
      return undefined;
    }
    return new ServiceError(
      'cross_origin',
      'Pages of other origins cannot send this request, because the service has no API keys. Create a key, or name the ' +
        "page's host in CLIPN_PUBLIC_HOSTS.",
      { internal: short(`Origin: ${origin}, Sec-Fetch-Site: ${site}`) },
    );
  }
});

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the route answers whatever host and origin a request names: probes, and proxies that forward their client's headers. */
    anyOrigin?: (app: FastifyInstance) => boolean;
  }
}
