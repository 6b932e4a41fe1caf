import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';

/** Asked every few seconds by what watches the service: traces of them would bury the others. */
const UNTRACED = new Set(['/livez', '/readyz', '/metrics']);

/** Begins and ends the trace of every request that belongs to one, and puts its name into every line of the request's log. */
export const tracingPlugin = fp(async (app) => {
  app.decorateRequest('trace');
  app.addHook('onRequest', async (request, reply) => {
    const route = routeOf(request);
    request.trace = undefined;
    if (UNTRACED.has(route)) return;
    const { method, headers, url } = request;
    request.trace = app.tracing.begin(`${method} ${route}`, headers, performance.now() - reply.elapsedTime, {
      'http.request.method': method,
      'http.route': route,
      'url.path': url.split('?')[0] as string,
      'clipn.request_id': request.id,
    });
    if (request.trace) {
      request.log = request.log.child(request.trace.ids);
      reply.log = request.log;
    }
  });
  app.addHook('onResponse', async (request, reply) => {
    request.trace?.end(reply.statusCode);
  });
});

/** The pattern, not the address: a span's name is a label too. */
export function routeOf(request: FastifyRequest): string {
  return request.routeOptions.url ?? 'unmatched';
}
