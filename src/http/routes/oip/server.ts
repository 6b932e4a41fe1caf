import type { FastifyPluginAsync } from 'fastify';
import { OipProblemResponses, ServerMetadata } from '../../schemas/oip.ts';
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
        response: { 200: ServerMetadata, ...OipProblemResponses },
      },
    },
    async () => serverMetadata(app, ['binary_tensor_data', 'model_configuration', 'model_repository']),
  );
};
