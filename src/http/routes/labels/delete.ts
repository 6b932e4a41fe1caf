import type { FastifyPluginAsync } from 'fastify';
import { Type } from 'typebox';
import { ServiceError } from '../../../errors/index.ts';
import { reviewTenantInPath } from '../../access.ts';
import { recordChange } from '../../audit.ts';
import { CaptureParams } from '../../schemas/capture.ts';
import { ProblemResponses } from '../../schemas/problem.ts';

/** `DELETE /v1/tenants/{tenant}/labels/{sha256}`: the image has no label from then on. */
export const labelsDelete: FastifyPluginAsync = async (app) => {
  app.delete<{ Params: CaptureParams }>(
    '/v1/tenants/:tenant/labels/:sha256',
    {
      config: { access: reviewTenantInPath },
      schema: {
        operationId: 'deleteLabel',
        tags: ['review'],
        summary: 'Removes the label of an image',
        params: CaptureParams,
        response: { 204: Type.Null(), ...ProblemResponses },
      },
    },
    async (request, reply) => {
      const { tenant, sha256 } = request.params;
      const { version } = app.tenants.get(tenant).record;
      const { labels, quality } = app.capture;
      if (!(await labels.remove(tenant, sha256)))
        throw new ServiceError('label_not_found', 'No image with this SHA-256 has a label.');
      quality.changed();
      const change = { target: tenant, before: version, after: version, details: { sha256 } };
      await recordChange(request, { action: 'tenant.label.delete', ...change });
      return reply.code(204).send();
    },
  );
};
