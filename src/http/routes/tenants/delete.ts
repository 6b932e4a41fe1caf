import type { FastifyPluginAsync } from 'fastify';
import { type Static, Type } from 'typebox';
import { manageTenantInPath } from '../../access.ts';
import { recorded } from '../../audit.ts';
import { ProblemResponses } from '../../schemas/problem.ts';
import { TenantParams } from '../../schemas/tenant.ts';

const Headers = Type.Object({ 'if-match': Type.Optional(Type.String()) });

/** `DELETE /v1/tenants/{tenant}`: new requests get 404 at once; requests in progress are still answered. */
export const tenantsDelete: FastifyPluginAsync = async (app) => {
  app.delete<{ Params: TenantParams; Headers: Static<typeof Headers> }>(
    '/v1/tenants/:tenant',
    {
      config: { access: manageTenantInPath },
      schema: {
        operationId: 'deleteTenant',
        tags: ['tenants'],
        summary: 'Removes a tenant',
        description: 'Its kept images and their labels are removed before the reply.',
        params: TenantParams,
        headers: Headers,
        response: { 204: Type.Null(), ...ProblemResponses },
      },
    },
    async (request, reply) => {
      const { tenant } = request.params;
      const onChanged = recorded(request, 'tenant.delete', tenant);
      await app.tenants.delete(tenant, { ifMatch: request.headers['if-match'], onChanged });
      await app.drift.forget(tenant);
      app.looks.forget(tenant);
      await app.capture.labels.forget(tenant);
      await app.capture.capture.forget(tenant);
      return reply.code(204).send();
    },
  );
};
