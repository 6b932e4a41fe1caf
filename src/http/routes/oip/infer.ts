import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { METHODS, type Method } from '../../../clipn/index.ts';
import { defined } from '../../../defined.ts';
import { ServiceError } from '../../../errors/index.ts';
import { detectTenantInPath } from '../../access.ts';
import { inferParser } from '../../bodies/infer-parser.ts';
import { checkLimits, judge } from '../../judge.ts';
import { ModelParams, oipErrors } from '../../schemas/oip.ts';
import { encode, valuesOf } from './infer-reply.ts';
import { readInferRequest } from './infer-request.ts';
import { checkVersion } from './model.ts';

/** `POST /v2/models/{tenant}/infer`: BYTES images in, decisions and probabilities out. OOD is a result: its status is 200. */
export const oipInfer: FastifyPluginAsync = async (app) => {
  oipErrors(app);
  // bodies are JSON, JSON followed by tensors, or one image; clients send them with any content type, or none
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', inferParser);
  for (const path of ['/v2/models/:tenant', '/v2/models/:tenant/versions/:version']) {
    app.post<{ Params: ModelParams }>(
      `${path}/infer`,
      {
        config: { access: detectTenantInPath },
        schema: {
          operationId: path.endsWith(':version') ? 'oipInferVersion' : 'oipInfer',
          tags: ['open inference protocol'],
          summary: 'Verdicts by the Open Inference Protocol v2',
          description:
            'One input of datatype BYTES whose elements are image files: in base64 in JSON, or unencoded with the binary tensor data extension. ' +
            'The request parameter `method` chooses the rule.',
          params: ModelParams,
          response: {
            200: Type.Object({
              model_name: Type.String(),
              model_version: Type.String(),
              outputs: Type.Array(Type.Any()),
            }),
          },
        },
      },
      infer,
    );
  }
};

async function infer(request: FastifyRequest<{ Params: ModelParams }>, reply: FastifyReply): Promise<unknown> {
  const app = request.server;
  const { tenant } = request.params;
  const serving = app.tenants.resolve(tenant);
  checkVersion(request.params, serving.version);
  checkLimits(request, reply, tenant);
  const asked = await readInferRequest(request.body as Buffer | undefined, request.headers, app.config);
  request.trace?.lap('receive');
  const method = methodOf(asked.method, serving.method);
  const images = asked.images.map((bytes, i) => ({ id: String(i), bytes }));
  const judged = await judge(request, reply, { tenant, serving, method, images, topK: 0 });
  const detections = judged.map((o) => {
    // the protocol has no field for the error of one element
    if ('error' in o) throw o.error;
    return o.detection;
  });
  const { outputs, binary } = encode(asked.outputs, (name) => valuesOf(name, detections, method, serving.classes));
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

function methodOf(asked: unknown, fallback: Method): Method {
  if (asked === undefined) return fallback;
  const method = METHODS.find((m) => m === asked);
  if (method) return method;
  throw new ServiceError('invalid_request', `The parameter method is one of ${METHODS.join(', ')}.`);
}
