import type { FastifyPluginAsync } from 'fastify';
import { type Static, Type } from 'typebox';
import { ServiceError } from '../../../errors/index.ts';
import { checkClass } from '../../../tenants/examples/change.ts';
import { reviewTenantInPath } from '../../access.ts';
import { Sha256 } from '../../schemas/capture.ts';
import { ExamplesParams } from '../../schemas/examples.ts';
import { ProblemResponses } from '../../schemas/problem.ts';
import { sendPicture } from '../../send-picture.ts';

const Params = Type.Object({ ...ExamplesParams.properties, sha256: Sha256 });

/** `GET /v1/tenants/{tenant}/classes/{class}/examples/{sha256}/image`: the picture of an example that was kept. */
export const examplesImage: FastifyPluginAsync = async (app) => {
  app.get<{ Params: Static<typeof Params> }>(
    '/v1/tenants/:tenant/classes/:class/examples/:sha256/image',
    {
      config: { access: reviewTenantInPath },
      schema: {
        operationId: 'getExampleImage',
        tags: ['review'],
        summary: 'The picture of an example, as the client sent it',
        description: 'Only of examples that were sent with `keep=true`.',
        produces: ['image/*'],
        params: Params,
        response: {
          200: { description: 'The file.', content: { 'image/*': { schema: Type.String({ format: 'binary' }) } } },
          ...ProblemResponses,
        },
      },
    },
    async ({ params: { tenant, class: name, sha256 } }, reply) => {
      const { record } = app.tenants.get(tenant);
      checkClass(record, name);
      const example = record.examples?.[name]?.images.find((image) => image.sha256 === sha256);
      const file = example?.picture && (await app.capture.pictures.get(tenant, sha256));
      if (!example?.picture || !file)
        throw new ServiceError('capture_not_found', 'The picture of this example is not kept.');
      return sendPicture(reply, sha256, example.picture.format, file);
    },
  );
};
