import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';

/** Routes that monitoring polls every few seconds; their traces would hide the others. */
const UNTRACED = new Set(['/livez', '/readyz', '/metrics']);

/** Begins and ends the trace of a request, and adds its ids to every log line of the request. */
export const tracingPlugin = fp(async (app) => {
  app.decorateRequest('trace');
  app.addHook('onRequest', (request, reply, done) => {
    request.trace = begin(request, reply.elapsedTime);
    if (request.trace) {
      request.log = request.log.child(request.trace.ids);
      reply.log = request.log;
    }
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    request.trace?.end(reply.statusCode);
    done();
  });

  function begin(request: FastifyRequest, elapsedMs: number) {
    const route = routeOf(request);
    if (UNTRACED.has(route)) return undefined;
    const { method, headers, url } = request;
    return app.tracing.begin(`${method} ${route}`, headers, performance.now() - elapsedMs, {
      'http.request.method': method,
      'http.route': route,
      'url.path': url.split('?')[0] as string,
      'clipn.request_id': request.id,
    });
  }
});

/** The route pattern, also of a method that the route does not have, because span names should have few distinct values. */
export function routeOf(request: FastifyRequest): string {
  const { server, url, routeOptions } = request;
  return routeOptions.url ?? server.addressOf?.(url)?.url ?? 'unmatched';
}
