import type { FastifyPluginAsync } from 'fastify';
import { type Static, Type } from 'typebox';
import { manageTenantInPath } from '../../access.ts';
import { ProblemResponses } from '../../schemas/problem.ts';
import { entityTag, replyOf, TenantParams, TenantReply } from '../../schemas/tenant.ts';

const Headers = Type.Object({ 'if-none-match': Type.Optional(Type.String()) });

/** Compares tags exactly, because the tag during a build differs from the tag after it. */
function unchanged(tags: string, etag: string): boolean {
  return tags.trim() === '*' || tags.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
}

/** `GET /v1/tenants/{tenant}`: definition, state, progress. */
export const tenantsGet: FastifyPluginAsync = async (app) => {
  app.get<{ Params: TenantParams; Headers: Static<typeof Headers> }>(
    '/v1/tenants/:tenant',
    {
      config: { access: manageTenantInPath },
      schema: {
        operationId: 'getTenant',
        tags: ['tenants'],
        summary: 'One tenant: definition, state and progress',
        description:
          'With If-None-Match: 304 while a tenant that is ready, and whose calibration is not stale, has not changed.',
        params: TenantParams,
        headers: Headers,
        response: { 200: TenantReply, 304: Type.Null(), ...ProblemResponses },
      },
    },
    async (request, reply) => {
      const view = app.tenants.get(request.params.tenant);
      reply.header('etag', entityTag(view));
      const tags = request.headers['if-none-match'];
      const known = app.tenants.calibration(request.params.tenant)?.stale === undefined;
      if (view.state === 'ready' && known && tags !== undefined && unchanged(tags, view.etag))
        return reply.code(304).send();
      return replyOf(app.tenants, view);
    },
  );
};
