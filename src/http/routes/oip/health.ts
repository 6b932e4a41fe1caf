import type { FastifyPluginAsync } from 'fastify';
import { OipProblemResponses, ServerLive, ServerReady } from '../../schemas/oip.ts';
import { isServerReady } from './description.ts';

/** `GET /v2/health/live` and `/v2/health/ready`: the protocol's names for /livez and /readyz. */
export const oipHealth: FastifyPluginAsync = async (app) => {
  const schema = (operationId: string, summary: string, response: object) => ({
    config: { access: 'open' as const },
    schema: {
      security: [],
      operationId,
      tags: ['open inference protocol'],
      summary,
      response: { ...response, ...OipProblemResponses },
    },
    logLevel: 'warn' as const,
  });
  app.get('/v2/health/live', schema('oipLive', 'Whether the process answers', { 200: ServerLive }), async () => ({
    live: true,
  }));
  app.get(
    '/v2/health/ready',
    schema('oipReady', 'Whether the service can infer', { 200: ServerReady, 503: ServerReady }),
    async (_request, reply) => {
      const ready = isServerReady(app);
      return reply.code(ready ? 200 : 503).send({ ready });
    },
  );
};
