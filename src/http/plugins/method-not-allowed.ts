import type { FastifyInstance, HTTPMethods } from 'fastify';
import { ServiceError } from '../../errors/index.ts';

const METHODS: HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

/**
 * Notes which methods each address answers to. Call it before routes are registered, and what it returns after: the other
 * methods then get 405 with an Allow header instead of a 404 that makes people doubt the address.
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
        // at the first moment: a body that nobody wants is not read
        onRequest: async (request, reply) => {
          reply.header('allow', allow);
          throw new ServiceError('method_not_allowed', `${url} supports ${allow}, not ${request.method}.`);
        },
        handler: () => {},
      });
    }
  };
}
