import type { FastifyPluginAsync } from 'fastify';
import { Type } from 'typebox';
import { manageTenantInPath } from '../../access.ts';
import { recordChange } from '../../audit.ts';
import { ProblemResponses } from '../../schemas/problem.ts';
import { TenantParams } from '../../schemas/tenant.ts';

/** `DELETE /v1/tenants/{tenant}/drift/baseline`: removes the baseline and keeps the counts. */
export const tenantsDriftUnpin: FastifyPluginAsync = async (app) => {
  app.delete<{ Params: TenantParams }>(
    '/v1/tenants/:tenant/drift/baseline',
    {
      config: { access: manageTenantInPath },
      schema: {
        operationId: 'unpinBaseline',
        tags: ['tenants'],
        summary: 'Removes the baseline',
        description: 'The counts are kept.',
        params: TenantParams,
        response: { 204: Type.Null(), ...ProblemResponses },
      },
    },
    async (request, reply) => {
      const { tenant } = request.params;
      const { version } = app.tenants.get(tenant).record;
      await app.drift.unpin(tenant);
      await recordChange(request, { action: 'tenant.drift.unpin', target: tenant, before: version, after: version });
      return reply.code(204).send();
    },
  );
};
