import type { FastifyPluginAsync } from 'fastify';
import { Liveness } from '../../schemas/health.ts';
import { ProblemResponses } from '../../schemas/problem.ts';

/** Alive means that the event loop runs. A failed engine does not count, because the front restarts it. */
export const livez: FastifyPluginAsync = async (app) => {
  app.get(
    '/livez',
    {
      config: { access: 'open', anyOrigin: () => true },
      schema: {
        security: [],
        operationId: 'livez',
        tags: ['operations'],
        summary: 'Whether the process is alive',
        response: { 200: Liveness, ...ProblemResponses },
      },
      logLevel: 'warn',
    },
    async () => ({
      status: 'ok',
    }),
  );
};
