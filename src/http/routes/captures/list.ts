import type { FastifyPluginAsync } from 'fastify';
import { pageOf } from '../../../capture/index.ts';
import { reviewTenantInPath } from '../../access.ts';
import { CaptureListReply, CaptureQuery, toCapturedImage } from '../../schemas/capture.ts';
import { ProblemResponses } from '../../schemas/problem.ts';
import { TenantParams } from '../../schemas/tenant.ts';

/** `GET /v1/tenants/{tenant}/captures`: the kept images of the tenant, in pages, filtered. */
export const capturesList: FastifyPluginAsync = async (app) => {
  app.get<{ Params: TenantParams; Querystring: CaptureQuery }>(
    '/v1/tenants/:tenant/captures',
    {
      config: { access: reviewTenantInPath },
      schema: {
        operationId: 'listCaptures',
        tags: ['review'],
        summary: 'The kept images of a tenant, the newest first, in pages, filtered',
        params: TenantParams,
        querystring: CaptureQuery,
        response: { 200: CaptureListReply, ...ProblemResponses },
      },
    },
    async ({ params: { tenant }, query }) => {
      app.tenants.get(tenant);
      const { capture, kept } = app.capture;
      const { images, next, total } = pageOf((await kept.all(tenant)).values(), query);
      return { images: images.map(toCapturedImage), total, next, results: capture.resultsOf(tenant) };
    },
  );
};
