import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { defined } from '../../../defined.ts';
import { detectTenantInPath } from '../../access.ts';
import { inferParser } from '../../bodies/infer-parser.ts';
import { InferBody, InferReplies } from '../../schemas/infer.ts';
import { ModelParams, OipProblemResponses } from '../../schemas/oip.ts';
import { encode } from './infer-reply.ts';
import { readInferRequest } from './infer-request.ts';
import { admitted, verdicts } from './verdicts.ts';

/** `POST /v2/models/{tenant}/infer`: BYTES images in, decisions and probabilities out. OOD is a result: its status is 200. */
export const oipInfer: FastifyPluginAsync = async (app) => {
  // bodies are JSON, JSON followed by tensors, or one image; clients send them with any content type, or none
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', inferParser);
  for (const path of ['/v2/models/:tenant', '/v2/models/:tenant/versions/:version']) {
    app.post<{ Params: ModelParams }>(
      `${path}/infer`,
      {
        // the body is not validated by a schema, because it may be binary whatever its content type says
        config: {
          access: detectTenantInPath,
          swaggerTransform: ({ schema, url }) => ({ schema: { ...schema, body: InferBody }, url }),
        },
        schema: {
          operationId: path.endsWith(':version') ? 'oipInferVersion' : 'oipInfer',
          tags: ['open inference protocol'],
          summary: 'Verdicts by the Open Inference Protocol v2',
          description:
            'One input of datatype BYTES whose elements are image files: in base64 in JSON, or unencoded with the binary tensor data extension. ' +
            'The request parameter `method` chooses the rule.',
          params: ModelParams,
          response: { ...InferReplies, ...OipProblemResponses },
        },
      },
      infer,
    );
  }
};

async function infer(request: FastifyRequest<{ Params: ModelParams }>, reply: FastifyReply): Promise<unknown> {
  const { tenant } = request.params;
  const serving = admitted(request, reply, request.params);
  const asked = await readInferRequest(request.body as Buffer | undefined, request.headers, request.server.config);
  const { method, values } = await verdicts(request, reply, { tenant, serving, ...asked });
  const { outputs, binary } = encode(asked.outputs, values);
  const json = {
    model_name: tenant,
    model_version: String(serving.version),
    ...defined({ id: asked.id }),
    parameters: { method },
    outputs,
  };
  if (!binary) return json;
  const head = Buffer.from(JSON.stringify(json));
  reply.header('inference-header-content-length', String(head.length)).type('application/octet-stream');
  return reply.send(Buffer.concat([head, binary]));
}
