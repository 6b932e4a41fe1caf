import type { FastifyPluginAsync } from 'fastify';
import { ProblemResponses } from '../../schemas/problem.ts';
import { TenantParams, TenantReply, toReply } from '../../schemas/tenant.ts';

/** `GET /v1/tenants/{tenant}`: definition, state, progress. */
export const tenantsGet: FastifyPluginAsync = async (app) => {
  app.get<{ Params: TenantParams }>(
    '/v1/tenants/:tenant',
    {
      schema: {
        operationId: 'getTenant',
        tags: ['tenants'],
        summary: 'One tenant: definition, state, progress',
        params: TenantParams,
        response: { 200: TenantReply, ...ProblemResponses },
      },
    },
    async (request, reply) => {
      const view = app.tenants.get(request.params.tenant);
      reply.header('etag', view.etag);
      return toReply(view, app.tenants.warnings(view.record.definition));
    },
  );
};
