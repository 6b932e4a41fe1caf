import type { FastifyPluginAsync } from 'fastify';

/** The event loop answers: nothing more. A dead engine is no reason to kill the front that is restarting it. */
export const livez: FastifyPluginAsync = async (app) => {
  app.get(
    '/livez',
    {
      config: { access: 'open' },
      schema: { security: [], operationId: 'livez', tags: ['operations'], summary: 'Whether the process is alive' },
      logLevel: 'warn',
    },
    async () => ({
      status: 'ok',
    }),
  );
};
