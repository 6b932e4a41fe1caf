import type { FastifyPluginAsync } from 'fastify';
import { Type } from 'typebox';
import { reviewTenantInPath } from '../../access.ts';
import { recordChange } from '../../audit.ts';
import { CaptureParams } from '../../schemas/capture.ts';
import { ProblemResponses } from '../../schemas/problem.ts';
import { notKept } from './not-kept.ts';

/** `DELETE /v1/tenants/{tenant}/captures/{sha256}`: the file is removed before the reply. */
export const capturesDelete: FastifyPluginAsync = async (app) => {
  app.delete<{ Params: CaptureParams }>(
    '/v1/tenants/:tenant/captures/:sha256',
    {
      config: { access: reviewTenantInPath },
      schema: {
        operationId: 'deleteCapture',
        tags: ['review'],
        summary: 'Removes a kept image',
        description: 'Its file is removed before the reply. Its label, which holds no picture, stays.',
        params: CaptureParams,
        response: { 204: Type.Null(), ...ProblemResponses },
      },
    },
    async (request, reply) => {
      const { tenant, sha256 } = request.params;
      const { version } = app.tenants.get(tenant).record;
      if ((await app.capture.capture.remove(tenant, [sha256])) === 0) throw notKept();
      const change = { target: tenant, before: version, after: version, details: { sha256 } };
      await recordChange(request, { action: 'tenant.capture.delete', ...change });
      return reply.code(204).send();
    },
  );
};
