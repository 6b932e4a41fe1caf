import type { FastifyPluginAsync } from 'fastify';
import { reviewTenantInPath } from '../../access.ts';
import { ProblemResponses } from '../../schemas/problem.ts';
import { QualityReply, toQualityReply } from '../../schemas/quality.ts';
import { TenantParams } from '../../schemas/tenant.ts';

/** `GET /v1/tenants/{tenant}/quality`: error rates of every rule, measured on labelled images. */
export const tenantQuality: FastifyPluginAsync = async (app) => {
  app.get<{ Params: TenantParams }>(
    '/v1/tenants/:tenant/quality',
    {
      config: { access: reviewTenantInPath },
      schema: {
        operationId: 'getQuality',
        tags: ['review'],
        summary: 'Error rates of every rule, measured on labelled images',
        description:
          'For the present model, classes and templates. Each label is weighted by the probability with which its image was drawn, so that the rates hold for all verdicts since capture began.',
        params: TenantParams,
        response: { 200: QualityReply, ...ProblemResponses },
      },
    },
    async ({ params: { tenant } }) => toQualityReply(tenant, await app.capture.quality.of(tenant)),
  );
};
