import type { FastifyPluginAsync } from 'fastify';
import { manageTenantInPath } from '../../access.ts';
import { ProblemResponses } from '../../schemas/problem.ts';
import { BuildReply, TenantParams, toBuild } from '../../schemas/tenant.ts';

/** `GET /v1/tenants/{tenant}/build`: progress of the newest version's features. */
export const tenantsBuildGet: FastifyPluginAsync = async (app) => {
  app.get<{ Params: TenantParams }>(
    '/v1/tenants/:tenant/build',
    {
      config: { access: manageTenantInPath },
      schema: {
        operationId: 'getTenantBuild',
        tags: ['tenants'],
        summary: 'Progress of the build of the newest version',
        params: TenantParams,
        response: { 200: BuildReply, ...ProblemResponses },
      },
    },
    async (request) => toBuild(app.tenants.get(request.params.tenant)),
  );
};
