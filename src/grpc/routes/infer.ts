import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { packed } from '../../http/routes/oip/infer-reply.ts';
import { admitted, verdicts } from '../../http/routes/oip/verdicts.ts';
import { OUTPUTS } from '../../http/schemas/oip.ts';
import { call, mayDetect, modelParams } from '../call.ts';
import { messageKind } from '../messages.ts';
import { type InferMessage, type InferParameter, type InferTensor, readInferMessage } from './infer-message.ts';

interface InferReply {
  model_name: string;
  model_version: string;
  id: string;
  parameters: Record<string, InferParameter>;
  outputs: InferTensor[];
  raw_output_contents: Buffer[];
}

/** Images are in field 8 of the contents (5) of an input (5), or in the raw contents (7). */
const BOUNDS = { 5: { 5: { 6: 'any', 8: 'any' } }, 6: {}, 7: 'any' } as const;

/** `inference.GRPCInferenceService/ModelInfer`: images in, decisions and probabilities out. OOD is a result: its status is OK. */
export function inferCall(app: FastifyInstance): void {
  call(app, '/inference.GRPCInferenceService/ModelInfer', {
    large: true,
    request: messageKind<InferMessage>('inference.ModelInferRequest', BOUNDS),
    reply: messageKind<InferReply>('inference.ModelInferResponse'),
    handle: (message, request, reply) => infer(message, request, reply),
  });
}

async function infer(message: InferMessage, request: FastifyRequest, reply: FastifyReply): Promise<InferReply> {
  const { model_name: tenant, model_version: version } = message;
  mayDetect(request, tenant);
  const serving = admitted(request, reply, modelParams(tenant, version));
  const { images, method: named, outputs } = readInferMessage(message, request.server.config);
  const { method, values } = await verdicts(request, reply, { tenant, serving, method: named, images });
  // the form of the request: clients that send raw contents read raw contents
  const raw = message.raw_input_contents.length > 0;
  return {
    model_name: tenant,
    model_version: String(serving.version),
    id: message.id,
    parameters: { method: { string_param: method } },
    outputs: outputs.map((name) => {
      const data = values(name);
      const datatype = OUTPUTS.find((o) => o.name === name)?.datatype as string;
      const tensor = { name, datatype, shape: [data.length] };
      return raw ? tensor : { ...tensor, contents: contentsOf(data) };
    }),
    raw_output_contents: raw ? outputs.map((name) => packed(values(name))) : [],
  };
}

function contentsOf(data: (string | number)[]): NonNullable<InferTensor['contents']> {
  return typeof data[0] === 'string'
    ? { bytes_contents: data.map((text) => Buffer.from(String(text))) }
    : { fp32_contents: data.map(Number) };
}
