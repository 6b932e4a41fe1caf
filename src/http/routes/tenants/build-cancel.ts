import type { FastifyPluginAsync } from 'fastify';
import { manageTenantInPath } from '../../access.ts';
import { recorded } from '../../audit.ts';
import { ProblemResponses } from '../../schemas/problem.ts';
import { BuildReply, ConditionHeaders, TenantParams, toBuild } from '../../schemas/tenant.ts';

/** `DELETE /v1/tenants/{tenant}/build`: the newest version stays unbuilt, the one before goes on serving. */
export const tenantsBuildCancel: FastifyPluginAsync = async (app) => {
  app.delete<{ Params: TenantParams; Headers: ConditionHeaders }>(
    '/v1/tenants/:tenant/build',
    {
      config: { access: manageTenantInPath },
      schema: {
        operationId: 'cancelTenantBuild',
        tags: ['tenants'],
        summary: 'Ends the build of the newest version',
        description:
          'The definition stays, its features are not built; what served before goes on serving. PUT begins anew, a rollback goes back. ' +
          'Where nothing is being built the answer is 409 with the code no_build.',
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
