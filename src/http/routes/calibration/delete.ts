import type { FastifyPluginAsync } from 'fastify';
import { Type } from 'typebox';
import { uncalibrate } from '../../../tenants/calibration/revise.ts';
import { manageTenantInPath } from '../../access.ts';
import { changeOptions } from '../../audit.ts';
import { ProblemResponses } from '../../schemas/problem.ts';
import { ConditionHeaders, TenantParams } from '../../schemas/tenant.ts';

/** `DELETE /v1/tenants/{tenant}/calibration`: verdicts are again what they were without it. */
export const calibrationDelete: FastifyPluginAsync = async (app) => {
  app.delete<{ Params: TenantParams; Headers: ConditionHeaders }>(
    '/v1/tenants/:tenant/calibration',
    {
      config: { access: manageTenantInPath },
      schema: {
        operationId: 'deleteCalibration',
        tags: ['tenants'],
        summary: "Removes the tenant's calibration",
        description: 'A tenant without one stays as it is.',
        params: TenantParams,
        headers: ConditionHeaders,
        response: { 204: Type.Null(), ...ProblemResponses },
      },
    },
    async (request, reply) => {
      const { tenant } = request.params;
      await uncalibrate(app.tenants, tenant, changeOptions(request, 'tenant.uncalibrate', tenant));
      return reply.code(204).send();
    },
  );
};
