import type { FastifyInstance, HTTPMethods } from 'fastify';
import { ServiceError } from '../../errors/index.ts';

const METHODS: HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

/**
 * Collects the methods of each address. Call it before routes are registered, and its result after them. Other methods then
 * get 405 with an Allow header instead of 404, which would suggest a wrong address.
 */
export function methodNotAllowed(app: FastifyInstance): () => void {
  const known = new Map<string, Set<string>>();
  let collecting = true;
  app.addHook('onRoute', ({ url, method }) => {
    if (!collecting || url.startsWith('/docs')) return;
    const methods = known.get(url) ?? new Set();
    for (const m of [method].flat()) methods.add(m);
    known.set(url, methods);
  });
  return () => {
    collecting = false;
    for (const [url, methods] of known) {
      const others = METHODS.filter((m) => !methods.has(m));
      if (others.length === 0) continue;
      const allow = [...methods].sort().join(', ');
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
  };
}
