import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyPluginAsync } from 'fastify';
import { type Static, Type } from 'typebox';
import { ReloadRequest, ReloadStatus } from '../../../serving/reload-status.ts';
import { recordChange } from '../../audit.ts';
import { ProblemResponses } from '../../schemas/problem.ts';
import { waitOf } from '../../wait.ts';

const Headers = Type.Object({
  prefer: Type.Optional(Type.String({ description: '`wait=<seconds>` or `respond-async` (RFC 7240).' })),
});

/** `POST /v1/admin/reload` starts a reload; `GET` shows its state. */
export const adminReload: FastifyPluginAsync = async (app) => {
  app.post<{ Body: ReloadRequest; Headers: Static<typeof Headers> }>(
    '/v1/admin/reload',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'reload',
        tags: ['operations'],
        summary: 'Replaces the model bundle in service',
        description:
          'New engines are started, checked with the golden file and warmed, and the features of all tenants are built. Then all traffic moves at once and the old ' +
          'engines end. If the bundle fails, the old one stays in service. 202: the reload is in progress; GET shows its state.',
        headers: Headers,
        body: ReloadRequest,
        response: { 200: ReloadStatus, 202: ReloadStatus, ...ProblemResponses },
      },
    },
    async (request, reply) => {
      const waitMs = waitOf(request.headers.prefer, app.config.buildWaitMs);
      const bundle = request.body?.bundle;
      const done = app.reload.start(bundle);
      // a failure after this answer is visible in the state that GET shows
      done.catch(() => {});
      await recordChange(request, {
        action: 'model.reload',
        target: bundle ?? 'configured bundle',
        before: null,
        after: null,
      });
      await Promise.race([done, sleep(waitMs, undefined, { ref: false })]);
      const { status } = app.reload;
      return reply.code(status.state === 'running' ? 202 : 200).send(status);
    },
  );
  app.get(
    '/v1/admin/reload',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'getReload',
        tags: ['operations'],
        summary: 'The reload in progress, or the last one',
        response: { 200: ReloadStatus, ...ProblemResponses },
      },
    },
    async () => app.reload.status,
  );
};
