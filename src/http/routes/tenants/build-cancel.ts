import type { FastifyPluginAsync } from 'fastify';
import { manageTenantInPath } from '../../access.ts';
import { recorded } from '../../audit.ts';
import { ProblemResponses } from '../../schemas/problem.ts';
import { BuildReply, ConditionHeaders, TenantParams, toBuild } from '../../schemas/tenant.ts';

/** `DELETE /v1/tenants/{tenant}/build`: the newest version stays unbuilt, and the previous one continues to serve. */
export const tenantsBuildCancel: FastifyPluginAsync = async (app) => {
  app.delete<{ Params: TenantParams; Headers: ConditionHeaders }>(
    '/v1/tenants/:tenant/build',
    {
      config: { access: manageTenantInPath },
      schema: {
        operationId: 'cancelTenantBuild',
        tags: ['tenants'],
        summary: 'Cancels the build of the newest version',
        description:
          'The definition is kept without features, and the previous version stays in service. PUT starts the build again; a rollback restores the previous version. ' +
          'Without a build in progress the reply is 409 with the code no_build.',
        params: TenantParams,
        headers: ConditionHeaders,
        response: { 200: BuildReply, ...ProblemResponses },
      },
    },
    async (request) => {
      const { tenant } = request.params;
      const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = request.headers;
      const onChanged = recorded(request, 'tenant.build.cancel', tenant);
      return toBuild(await app.tenants.cancelBuild(tenant, { ifMatch, ifNoneMatch, onChanged }));
    },
  );
};
