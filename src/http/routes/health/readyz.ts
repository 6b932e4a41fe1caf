import type { FastifyPluginAsync } from 'fastify';
import { defined } from '../../../defined.ts';
import { Readiness } from '../../schemas/health.ts';
import { ProblemResponses } from '../../schemas/problem.ts';

/** Ready: engine warmed, golden check passed, tenants' features loaded, not draining. Otherwise the reply lists the reasons. */
export const readyz: FastifyPluginAsync = async (app) => {
  app.get(
    '/readyz',
    {
      config: { access: 'open', anyOrigin: () => true },
      schema: {
        security: [],
        operationId: 'readyz',
        tags: ['operations'],
        summary: 'Whether the process can serve requests',
        response: { 200: Readiness, 503: Readiness, ...ProblemResponses },
      },
      logLevel: 'warn',
    },
    async (_request, reply) => {
      const { status } = app.engine;
      const reasons = [
        ...(app.lifecycle.draining ? ['the service is shutting down'] : []),
        ...(status.state === 'ready' ? [] : [status.reason ?? status.state]),
        ...(app.lifecycle.restoring ? [`tenants are being restored, ${app.tenants.counts().ready} are ready`] : []),
      ];
      const { name, version } = app.model.bundle.manifest;
      return reply.code(reasons.length === 0 ? 200 : 503).send({
        status: reasons.length === 0 ? 'ready' : 'not_ready',
        reasons,
        engines: status.engines.map(({ name, state, reason, restarts, nextTryMs }) => ({
          name,
          state,
          ...defined({ reason, next_try_ms: nextTryMs }),
          restarts,
        })),
        engine: { state: status.state, device: status.device, precision: status.precision, restarts: status.restarts },
        model: { name, version },
      });
    },
  );
};
