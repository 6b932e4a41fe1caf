import type { FastifyPluginAsync } from 'fastify';
import { ServiceError } from '../../../errors/index.ts';
import { detectTenantInPath } from '../../access.ts';
import { ModelConfig, ModelMetadata, ModelParams, ModelReady, OipProblemResponses } from '../../schemas/oip.ts';
import { configOf, isModelReady, metadataOf } from './description.ts';

/** `GET /v2/models/{tenant}` and `/ready`: inputs and outputs of a tenant, and whether it is ready. */
export const oipModel: FastifyPluginAsync = async (app) => {
  for (const path of ['/v2/models/:tenant', '/v2/models/:tenant/versions/:version']) {
    const versioned = path.endsWith(':version');
    const schema = (operationId: string, summary: string, reply: object) => ({
      config: { access: detectTenantInPath },
      schema: {
        operationId: versioned ? `${operationId}Version` : operationId,
        tags: ['open inference protocol'],
        summary,
        params: ModelParams,
        response: { 200: reply, ...OipProblemResponses },
      },
    });
    app.get<{ Params: ModelParams }>(
      path,
      schema('oipModel', 'Model metadata of a tenant', ModelMetadata),
      async ({ params }) => metadataOf(app, params),
    );
    app.get<{ Params: ModelParams }>(
      `${path}/config`,
      schema('oipModelConfig', "A tenant as Triton's model configuration", ModelConfig),
      async ({ params }) => configOf(app, params),
    );
    app.get<{ Params: ModelParams }>(
      `${path}/ready`,
      schema('oipModelReady', 'Whether the tenant can serve verdicts', ModelReady),
      async ({ params }) => {
        if (!isModelReady(app, params)) {
          throw new ServiceError('engine_unavailable', 'The inference engine is not ready.', { retryAfterSeconds: 1 });
        }
        return { name: params.tenant, ready: true };
      },
    );
  }
};
