import type { FastifyPluginAsync } from 'fastify';
import type { Static } from 'typebox';
import { detectAnyTenant } from '../../access.ts';
import { IndexReply, IndexRequest, OipProblemResponses } from '../../schemas/oip.ts';
import { indexOf } from './description.ts';

/** `POST /v2/repository/index`: the tenants that the key may get verdicts of, by the protocol's extension of model repositories. */
export const oipIndex: FastifyPluginAsync = async (app) => {
  app.post<{ Body: Static<typeof IndexRequest> | undefined }>(
    '/v2/repository/index',
    {
      config: { access: detectAnyTenant },
      schema: {
        operationId: 'oipIndex',
        tags: ['open inference protocol'],
        summary: 'The tenants that the key may get verdicts of',
        body: IndexRequest,
        response: { 200: IndexReply, ...OipProblemResponses },
      },
    },
    async ({ body, principal }) => indexOf(app, principal, body?.ready === true),
  );
};
