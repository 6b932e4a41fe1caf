import type { FastifyPluginAsync } from 'fastify';
import { manageTenantInPath } from '../../access.ts';
import { LooksLikeReply, toLooksLikeDays } from '../../schemas/looks-like.ts';
import { ProblemResponses } from '../../schemas/problem.ts';
import { TenantParams } from '../../schemas/tenant.ts';

/** `GET /v1/tenants/{tenant}/looks-like`: the words that refused images look like, counted. */
export const tenantsLooksLike: FastifyPluginAsync = async (app) => {
  app.get<{ Params: TenantParams }>(
    '/v1/tenants/:tenant/looks-like',
    {
      config: { access: manageTenantInPath },
      schema: {
        operationId: 'getLooksLike',
        tags: ['tenants'],
        summary: 'Words nearest to refused images, today and yesterday',
        description:
          'Each refused image counts under the word that it looks most like. Counted where the tenant has `"looks_like": true` in its negatives, ' +
          'since the start of this version and of this replica, and of this replica only. Not every image is looked at: at most a twentieth of ' +
          'the time is spent on it, so `looked_at` may be smaller than `refused`.',
        params: TenantParams,
        response: { 200: LooksLikeReply, ...ProblemResponses },
      },
    },
    async ({ params: { tenant } }): Promise<LooksLikeReply> => {
      const { version, negatives } = app.tenants.resolve(tenant);
      const days = toLooksLikeDays(app.looks.report(tenant, version));
      return { tenant, tenant_version: version, counted: negatives?.looks_like === true, days };
    },
  );
};
