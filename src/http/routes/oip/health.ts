import type { FastifyPluginAsync } from 'fastify';

/** `GET /v2/health/live` and `/v2/health/ready`: the protocol's names for /livez and /readyz. */
export const oipHealth: FastifyPluginAsync = async (app) => {
  const schema = (operationId: string, summary: string) => ({
    config: { access: 'open' as const },
    schema: { security: [], operationId, tags: ['open inference protocol'], summary },
    logLevel: 'warn' as const,
  });
  app.get('/v2/health/live', schema('oipLive', 'Does the process answer?'), async () => ({ live: true }));
  app.get('/v2/health/ready', schema('oipReady', 'Can it infer?'), async (_request, reply) => {
    const { restoring, draining } = app.lifecycle;
    const ready = app.engine.status.state === 'ready' && !restoring && !draining;
    return reply.code(ready ? 200 : 503).send({ ready });
  });
};
