import type { FastifyPluginAsync } from 'fastify';

/** Prometheus exposition. Gauges that mirror a state are read at the moment of the scrape. */
export const metrics: FastifyPluginAsync = async (app) => {
  app.get(
    '/metrics',
    {
      config: { access: 'metrics' },
      schema: { operationId: 'metrics', tags: ['operations'], summary: 'Prometheus metrics' },
      logLevel: 'warn',
    },
    async (_request, reply) => {
      const { metrics, engine, tenants } = app;
      metrics.engineUp.set(engine.status.state === 'ready' ? 1 : 0);
      for (const [state, count] of Object.entries(tenants.counts())) metrics.tenants.set({ state }, count);
      return reply.type(metrics.registry.contentType).send(await metrics.registry.metrics());
    },
  );
};
