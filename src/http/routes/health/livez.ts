import type { FastifyPluginAsync } from 'fastify';

/** Alive means that the event loop runs. A failed engine does not count, because the front restarts it. */
export const livez: FastifyPluginAsync = async (app) => {
  app.get(
    '/livez',
    {
      config: { access: 'open', anyOrigin: () => true },
      schema: { security: [], operationId: 'livez', tags: ['operations'], summary: 'Whether the process is alive' },
      logLevel: 'warn',
    },
    async () => ({
      status: 'ok',
    }),
  );
};
