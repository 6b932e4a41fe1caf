import type { FastifyPluginAsync } from 'fastify';
import { type Static, Type } from 'typebox';
import { TenantDefinition } from '../../../tenants/definition.ts';
import { manageTenantInPath } from '../../access.ts';
import { valuesOfClasses } from '../../bodies/parsers.ts';
import { ProblemResponses } from '../../schemas/problem.ts';
import { TenantParams, TenantWarning } from '../../schemas/tenant.ts';

const CheckReply = Type.Object(
  {
    warnings: Type.Array(TenantWarning, { description: 'Warnings that PUT would return.' }),
  },
  { title: 'CheckReply' },
);
type CheckReply = Static<typeof CheckReply>;

/**
 * `POST /v1/tenants/{tenant}/check`: returns the errors and warnings that PUT would return; stores and builds nothing. Editors
 * use it to warn about a class name while it is typed.
 */
export const tenantsCheck: FastifyPluginAsync = async (app) => {
  app.post<{ Params: TenantParams; Body: TenantDefinition }>(
    '/v1/tenants/:tenant/check',
    {
      config: { access: manageTenantInPath, jsonValues: valuesOfClasses(app.config.maxClasses) },
      schema: {
        operationId: 'checkTenant',
        tags: ['tenants'],
        summary: 'Validates a definition without storing it',
        description:
          'Returns the errors and warnings that PUT would return for the definition. Nothing is stored, and the tenant need not exist.',
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
