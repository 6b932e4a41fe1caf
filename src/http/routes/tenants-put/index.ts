import type { FastifyPluginAsync } from 'fastify';
import { type Static, Type } from 'typebox';
import { TenantDefinition } from '../../../tenants/definition.ts';
import { ProblemResponses } from '../../schemas/problem.ts';
import { TenantParams, TenantReply, toReply } from '../../schemas/tenant.ts';
import { waitOf } from './wait.ts';

const Headers = Type.Object({
  prefer: Type.Optional(Type.String({ description: '`wait=<seconds>` or `respond-async` (RFC 7240).' })),
  'if-match': Type.Optional(Type.String()),
  'if-none-match': Type.Optional(Type.String()),
});

interface Put {
  Params: TenantParams;
  Body: TenantDefinition;
  Headers: Static<typeof Headers>;
}

/** `PUT /v1/tenants/{tenant}`: durable when answered; 201 or 200 when the features are ready too, else 202 with progress. */
export const tenantsPut: FastifyPluginAsync = async (app) => {
  app.put<Put>(
    '/v1/tenants/:tenant',
    {
      schema: {
        operationId: 'putTenant',
        tags: ['tenants'],
        summary: 'Makes or replaces a tenant',
        description:
          'The definition is stored before the answer. 201 or 200: the features are ready. 202: they are being built, until then the version before ' +
          'serves. The same definition again changes nothing. If-Match and If-None-Match guard against lost updates.',
        params: TenantParams,
        headers: Headers,
        body: TenantDefinition,
        response: { 200: TenantReply, 201: TenantReply, 202: TenantReply, ...ProblemResponses },
      },
    },
    async (request, reply) => {
      const { prefer, 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = request.headers;
      const waitMs = waitOf(prefer, app.config.buildWaitMs);
      const { created, view } = await app.tenants.put(request.params.tenant, request.body, {
        waitMs,
        ifMatch,
        ifNoneMatch,
      });
      reply.header('etag', view.etag);
      if (created) reply.header('location', `/v1/tenants/${view.record.id}`);
      if (view.state !== 'ready') reply.header('retry-after', '1');
      reply.code(view.state === 'ready' ? (created ? 201 : 200) : 202);
      return toReply(view, app.tenants.warnings(view.record.definition));
    },
  );
};
