import type { FastifyPluginAsync } from 'fastify';
import { manageTenantInPath } from '../../access.ts';
import { recorded } from '../../audit.ts';
import { counted, countedTenants } from '../../quotas.ts';
import { ProblemResponses } from '../../schemas/problem.ts';
import { TenantParams, TenantReply, WaitHeaders } from '../../schemas/tenant.ts';
import { waitOf } from '../../wait.ts';
import { answerChange } from './reply.ts';

/** `POST /v1/tenants/{tenant}/rollback`: stores the previous version as a new one. */
export const tenantsRollback: FastifyPluginAsync = async (app) => {
  app.post<{ Params: TenantParams; Headers: WaitHeaders }>(
    '/v1/tenants/:tenant/rollback',
    {
      config: { access: manageTenantInPath },
      schema: {
        operationId: 'rollBackTenant',
        tags: ['tenants'],
        summary: 'Rolls back to the previous version',
        description:
          'Makes the definition of `previous_version` the newest again: the last version before this one whose features were complete. ' +
          'The version rises as with any change, and a second rollback undoes the first. Features still in the cache are not built again.',
        params: TenantParams,
        headers: WaitHeaders,
        response: { 200: TenantReply, 202: TenantReply, ...ProblemResponses },
      },
    },
    async (request, reply) => {
      const { prefer, 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = request.headers;
      const waitMs = waitOf(prefer, app.config.buildWaitMs);
      const { tenant } = request.params;
      const onChanged = recorded(request, 'tenant.rollback', tenant);
      const { definition, previous } = app.tenants.get(tenant).record;
      const change = await app.access.quotas.guard(
        request.principal,
        counted(tenant, previous?.definition ?? definition),
        () => countedTenants(app.tenants),
        () => app.tenants.rollBack(tenant, { waitMs, ifMatch, ifNoneMatch, onChanged }),
      );
      return answerChange(reply, change);
    },
  );
};
