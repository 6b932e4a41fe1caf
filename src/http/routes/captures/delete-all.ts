import type { FastifyPluginAsync } from 'fastify';
import { Type } from 'typebox';
import { reviewTenantInPath } from '../../access.ts';
import { recordChange } from '../../audit.ts';
import { ProblemResponses } from '../../schemas/problem.ts';
import { TenantParams } from '../../schemas/tenant.ts';

const Reply = Type.Object({ removed: Type.Integer({ description: 'Number of images that were removed.' }) });

/** `DELETE /v1/tenants/{tenant}/captures`: all files are removed before the reply. */
export const capturesDeleteAll: FastifyPluginAsync = async (app) => {
  app.delete<{ Params: TenantParams }>(
    '/v1/tenants/:tenant/captures',
    {
      config: { access: reviewTenantInPath },
      schema: {
        operationId: 'deleteCaptures',
        tags: ['review'],
        summary: 'Removes all kept images of a tenant',
        description:
          'All files are removed before the reply. Images that arrive later are kept again while the tenant has rules of capture.',
        params: TenantParams,
        response: { 200: Reply, ...ProblemResponses },
      },
    },
    async (request) => {
      const { tenant } = request.params;
      const { version } = app.tenants.get(tenant).record;
      const removed = await app.capture.capture.forget(tenant);
      const change = { target: tenant, before: version, after: version, details: { removed } };
      await recordChange(request, { action: 'tenant.capture.delete-all', ...change });
      return { removed };
    },
  );
};
