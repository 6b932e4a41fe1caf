import type { FastifyPluginAsync } from 'fastify';
import { TenantDefinition } from '../../../tenants/definition.ts';
import { manageTenantInPath } from '../../access.ts';
import { recorded } from '../../audit.ts';
import { valuesOfClasses } from '../../bodies/parsers.ts';
import { counted, countedTenants } from '../../quotas.ts';
import { ProblemResponses } from '../../schemas/problem.ts';
import { TenantParams, TenantReply, WaitHeaders } from '../../schemas/tenant.ts';
import { waitOf } from '../../wait.ts';
import { answerChange } from './reply.ts';

interface Put {
  Params: TenantParams;
  Body: TenantDefinition;
  Headers: WaitHeaders;
}

/** `PUT /v1/tenants/{tenant}`: the definition is durable before the reply. 201 or 200 if the features are ready, else 202. */
export const tenantsPut: FastifyPluginAsync = async (app) => {
  app.put<Put>(
    '/v1/tenants/:tenant',
    {
      config: { access: manageTenantInPath, jsonValues: valuesOfClasses(app.config.maxClasses) },
      schema: {
        operationId: 'putTenant',
        tags: ['tenants'],
        summary: 'Creates or replaces a tenant',
        description:
          'The definition is stored before the reply. 201 or 200: the features are ready. 202: they are being built, and until then the previous version ' +
          'stays in service. A newer PUT replaces the build. The same definition again changes nothing. If-Match and If-None-Match protect against lost updates.',
        params: TenantParams,
        headers: WaitHeaders,
        body: TenantDefinition,
        response: { 200: TenantReply, 201: TenantReply, 202: TenantReply, ...ProblemResponses },
      },
    },
    async (request, reply) => {
      const { prefer, 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = request.headers;
      const waitMs = waitOf(prefer, app.config.buildWaitMs);
      const { tenant } = request.params;
      const onChanged = recorded(request, 'tenant.put', tenant);
      const change = await app.access.quotas.guard(
        request.principal,
        counted(tenant, request.body),
        () => countedTenants(app.tenants),
        () => app.tenants.put(tenant, request.body, { waitMs, ifMatch, ifNoneMatch, onChanged }),
      );
      return answerChange(reply, change);
    },
  );
};
