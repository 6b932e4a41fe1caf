import type { FastifyPluginAsync } from 'fastify';

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
    async () => ({
      name: 'clipn-gate',
      version: app.model.bundle.manifest.version,
      extensions: ['binary_tensor_data'],
    }),
  );
};
