import type { FastifyPluginAsync } from 'fastify';
import { type Static, Type } from 'typebox';
import { TenantDefinition } from '../../../tenants/definition.ts';
import { manageTenantInPath } from '../../access.ts';
import { ProblemResponses } from '../../schemas/problem.ts';
import { TenantParams, TenantWarning } from '../../schemas/tenant.ts';

const CheckReply = Type.Object({
  warnings: Type.Array(TenantWarning, { description: 'What the reply to PUT would warn of.' }),
});
type CheckReply = Static<typeof CheckReply>;

/**
 * `POST /v1/tenants/{tenant}/check`: what PUT would say to a definition; nothing is stored or built. Made for editors, which can so warn of a
 * word where it is typed, before anything depends on it.
 */
export const tenantsCheck: FastifyPluginAsync = async (app) => {
  app.post<{ Params: TenantParams; Body: TenantDefinition }>(
    '/v1/tenants/:tenant/check',
    {
      config: { access: manageTenantInPath },
      schema: {
        operationId: 'checkTenant',
        tags: ['tenants'],
        summary: 'What PUT would say to a definition',
        description:
          'Refuses what PUT would refuse for what the definition says, and lists the warnings. Nothing is stored. There need be no such tenant.',
        params: TenantParams,
        body: TenantDefinition,
        response: { 200: CheckReply, ...ProblemResponses },
      },
    },
    async ({ params, body }): Promise<CheckReply> => {
      app.tenants.check(params.tenant, body);
      return { warnings: app.tenants.warnings(body) };
    },
  );
};
