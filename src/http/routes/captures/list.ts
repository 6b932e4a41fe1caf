import type { FastifyPluginAsync } from 'fastify';
import { pageOf } from '../../../capture/index.ts';
import { wordOf } from '../../../labels/index.ts';
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
      const { capture, kept, labels: stored } = app.capture;
      const labels = await stored.all(tenant);
      const { labelled, label, ...filter } = query;
      const keep = ({ key }: { key: string }) => {
        const found = labels.get(key);
        if (labelled !== undefined && (found !== undefined) !== (labelled === 'yes')) return false;
        return label === undefined || (found !== undefined && wordOf(found) === label);
      };
      const { images, next, passing } = pageOf((await kept.all(tenant)).values(), { ...filter, keep });
      return {
        images: images.map((image) => toCapturedImage(image, labels.get(image.key))),
        total: passing.length,
        labelled: passing.filter(({ key }) => labels.has(key)).length,
        next,
        results: capture.resultsOf(tenant),
      };
    },
  );
};
