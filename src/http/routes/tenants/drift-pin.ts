import type { FastifyPluginAsync } from 'fastify';
import { manageTenantInPath } from '../../access.ts';
import { recordChange } from '../../audit.ts';
import { DriftReply, toDriftReply } from '../../schemas/drift.ts';
import { ProblemResponses } from '../../schemas/problem.ts';
import { TenantParams } from '../../schemas/tenant.ts';

/** `PUT /v1/tenants/{tenant}/drift/baseline`: makes the current window the baseline. */
export const tenantsDriftPin: FastifyPluginAsync = async (app) => {
  app.put<{ Params: TenantParams }>(
    '/v1/tenants/:tenant/drift/baseline',
    {
      config: { access: manageTenantInPath },
      schema: {
        operationId: 'pinBaseline',
        tags: ['tenants'],
        summary: 'Pins the current window as the baseline',
        description:
          'Replaces the previous baseline. 409 `baseline_too_small` with fewer than 200 verdicts in the window.',
        params: TenantParams,
        response: { 200: DriftReply, ...ProblemResponses },
      },
    },
    async (request) => {
      const { tenant } = request.params;
      const { version } = app.tenants.get(tenant).record;
      await app.drift.pin(tenant, version);
      await recordChange(request, { action: 'tenant.drift.pin', target: tenant, before: version, after: version });
      return toDriftReply(tenant, app.config.driftWindowMs, app.drift.report(tenant));
    },
  );
};
