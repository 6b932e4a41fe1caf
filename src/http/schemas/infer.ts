import { Type } from 'typebox';

const Parameters = Type.Record(Type.String(), Type.Unknown(), { title: 'OipParameters' });

const tensor = (title: string, data: ReturnType<typeof Type.Array>) =>
  Type.Object(
    {
      name: Type.String(),
      datatype: Type.String(),
      shape: Type.Array(Type.Integer()),
      parameters: Type.Optional(Parameters),
      data: Type.Optional(data),
    },
    { title },
  );

/** For the OpenAPI document: the body may also be binary, so the handler reads it by itself. */
const InferRequest = Type.Object(
  {
    id: Type.Optional(Type.String({ maxLength: 256 })),
    parameters: Type.Optional(Parameters),
    inputs: Type.Array(tensor('OipInputTensor', Type.Array(Type.String({ description: 'An image file in base64.' }))), {
      description: 'Inputs of the datatype BYTES.',
    }),
    outputs: Type.Optional(
      Type.Array(
        Type.Object({ name: Type.String(), parameters: Type.Optional(Parameters) }, { title: 'OipRequestedOutput' }),
      ),
    ),
  },
  { title: 'OipInferRequest' },
);

const binary = { schema: Type.Unsafe<unknown>({ contentMediaType: 'application/octet-stream' }) };

export const InferBody = {
  content: { 'application/json': { schema: InferRequest }, 'application/octet-stream': binary },
};

const InferReply = Type.Object(
  {
    model_name: Type.String(),
    model_version: Type.String(),
    id: Type.Optional(Type.String()),
    parameters: Type.Optional(Parameters),
    outputs: Type.Array(tensor('OipOutputTensor', Type.Array(Type.Union([Type.String(), Type.Number()])))),
  },
  { title: 'OipInferReply' },
);

export const InferReplies = {
  200: {
    description: 'The outputs, in binary if the request asks for it.',
    content: { 'application/json': { schema: InferReply }, 'application/octet-stream': binary },
  },
};
