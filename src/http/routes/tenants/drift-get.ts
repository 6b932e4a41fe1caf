import type { FastifyPluginAsync } from 'fastify';
import { manageTenantInPath } from '../../access.ts';
import { DriftReply, toDriftReply } from '../../schemas/drift.ts';
import { ProblemResponses } from '../../schemas/problem.ts';
import { TenantParams } from '../../schemas/tenant.ts';

/** `GET /v1/tenants/{tenant}/drift`: recent verdicts, compared with the pinned window. */
export const tenantsDriftGet: FastifyPluginAsync = async (app) => {
  app.get<{ Params: TenantParams }>(
    '/v1/tenants/:tenant/drift',
    {
      config: { access: manageTenantInPath },
      schema: {
        operationId: 'getDrift',
        tags: ['tenants'],
        summary: 'Drift report of the tenant',
        description:
          'Verdicts of the window that ends now, against the baseline: OOD rate, and population stability indices of the no probability of the predicted class (deciles of the baseline) and of the predicted classes (its 19 commonest, and the rest). Of all replicas that share a database.',
        params: TenantParams,
        response: { 200: DriftReply, ...ProblemResponses },
      },
    },
    async (request) => {
      const { tenant } = request.params;
      app.tenants.get(tenant);
      return toDriftReply(tenant, app.config.driftWindowMs, app.drift.report(tenant));
    },
  );
};
