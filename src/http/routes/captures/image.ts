import type { FastifyPluginAsync } from 'fastify';
import { Type } from 'typebox';
import { reviewTenantInPath } from '../../access.ts';
import { CaptureParams } from '../../schemas/capture.ts';
import { ProblemResponses } from '../../schemas/problem.ts';
import { sendPicture } from '../../send-picture.ts';
import { notKept } from './not-kept.ts';

/** `GET /v1/tenants/{tenant}/captures/{sha256}/image`: the bytes as the client sent them. */
export const capturesImage: FastifyPluginAsync = async (app) => {
  app.get<{ Params: CaptureParams }>(
    '/v1/tenants/:tenant/captures/:sha256/image',
    {
      config: { access: reviewTenantInPath },
      schema: {
        operationId: 'getCapture',
        tags: ['review'],
        summary: 'The file of a kept image, as the client sent it',
        produces: ['image/*'],
        params: CaptureParams,
        response: {
          200: { description: 'The file.', content: { 'image/*': { schema: Type.String({ format: 'binary' }) } } },
          ...ProblemResponses,
        },
      },
    },
    async ({ params: { tenant, sha256 } }, reply) => {
      app.tenants.get(tenant);
      const { kept } = app.capture;
      const record = await kept.get(tenant, sha256);
      const file = record && (await kept.file(tenant, sha256));
      if (!file) throw notKept();
      return sendPicture(reply, sha256, record.format, file);
    },
  );
};
