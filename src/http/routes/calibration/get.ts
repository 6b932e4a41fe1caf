import type { FastifyPluginAsync } from 'fastify';
import { notCalibrated } from '../../../tenants/calibration/rule.ts';
import { manageTenantInPath } from '../../access.ts';
import { CalibrationReply, toCalibrationReply } from '../../schemas/calibration.ts';
import { ProblemResponses } from '../../schemas/problem.ts';
import { TenantParams } from '../../schemas/tenant.ts';

/** `GET /v1/tenants/{tenant}/calibration`: threshold, guarantee, and whether the calibration still applies. */
export const calibrationGet: FastifyPluginAsync = async (app) => {
  app.get<{ Params: TenantParams }>(
    '/v1/tenants/:tenant/calibration',
    {
      config: { access: manageTenantInPath },
      schema: {
        operationId: 'getCalibration',
        tags: ['tenants'],
        summary: "The tenant's calibration",
        description: '`stale`: model, classes or templates have changed since. 409 `not_calibrated` without one.',
        params: TenantParams,
        response: { 200: CalibrationReply, ...ProblemResponses },
      },
    },
    async ({ params: { tenant } }) => {
      const { version } = app.tenants.get(tenant).record;
      const state = app.tenants.calibration(tenant);
      if (!state) throw notCalibrated();
      return toCalibrationReply(tenant, version, state);
    },
  );
};
