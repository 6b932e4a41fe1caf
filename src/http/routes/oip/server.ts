import type { FastifyPluginAsync } from 'fastify';
import { serverMetadata } from './description.ts';

/** `GET /v2`: name, version and extensions of the server. */
export const oipServer: FastifyPluginAsync = async (app) => {
  app.get(
    '/v2',
    {
      config: { access: 'open' },
      schema: {
        security: [],
        operationId: 'oipServer',
        tags: ['open inference protocol'],
        summary: 'Server metadata',
      },
    },
    async () => serverMetadata(app, ['binary_tensor_data', 'model_configuration', 'model_repository']),
  );
};
