import { type Static, Type } from 'typebox';
import { Problem } from './problem.ts';

/** Open Inference Protocol v2, implemented by this service: each tenant is a model. */
export const ModelParams = Type.Object({
  tenant: Type.String({ minLength: 1, maxLength: 64, description: 'The tenant, which is the model of the protocol.' }),
  version: Type.Optional(Type.String({ maxLength: 32 })),
});
export type ModelParams = Static<typeof ModelParams>;

export const OUTPUTS = [
  { name: 'decision', datatype: 'BYTES', shape: [-1] },
  { name: 'class', datatype: 'BYTES', shape: [-1] },
  { name: 'probability', datatype: 'FP32', shape: [-1] },
  { name: 'no_probability', datatype: 'FP32', shape: [-1] },
  { name: 'ood_probability', datatype: 'FP32', shape: [-1] },
] as const;
export type OutputName = (typeof OUTPUTS)[number]['name'];

export const ServerLive = Type.Object({ live: Type.Boolean() }, { title: 'OipServerLive' });
export const ServerReady = Type.Object({ ready: Type.Boolean() }, { title: 'OipServerReady' });
export const ModelReady = Type.Object({ name: Type.String(), ready: Type.Boolean() }, { title: 'OipModelReady' });

export const ServerMetadata = Type.Object(
  { name: Type.String(), version: Type.String(), extensions: Type.Array(Type.String()) },
  { title: 'OipServerMetadata' },
);

const TensorMetadata = Type.Object(
  { name: Type.String(), datatype: Type.String(), shape: Type.Array(Type.Integer()) },
  { title: 'OipTensorMetadata' },
);

export const ModelMetadata = Type.Object(
  {
    name: Type.String(),
    versions: Type.Array(Type.String()),
    platform: Type.String(),
    inputs: Type.Array(TensorMetadata),
    outputs: Type.Array(TensorMetadata),
  },
  { title: 'OipModelMetadata' },
);

const TensorConfig = Type.Object(
  { name: Type.String(), data_type: Type.String(), dims: Type.Array(Type.Integer()) },
  { title: 'OipTensorConfig' },
);

export const ModelConfig = Type.Object(
  {
    name: Type.String(),
    platform: Type.String(),
    backend: Type.String(),
    max_batch_size: Type.Integer(),
    input: Type.Array(TensorConfig),
    output: Type.Array(TensorConfig),
  },
  { title: 'OipModelConfig' },
);

export const IndexRequest = Type.Union([
  Type.Object({ ready: Type.Optional(Type.Boolean()) }, { title: 'OipIndexRequest' }),
  Type.Null(),
]);

export const IndexReply = Type.Array(
  Type.Object(
    { name: Type.String(), version: Type.String(), state: Type.String(), reason: Type.String() },
    { title: 'OipIndexEntry' },
  ),
);

/** The protocol defines the field `error`, and its clients read no other one. */
const OipProblem = Type.Object(
  { ...Problem.properties, error: Type.String({ description: 'The same as detail.' }) },
  { title: 'OipProblem', additionalProperties: true },
);

const fault = (description: string) => ({ description, content: { 'application/json': { schema: OipProblem } } });

/** Any error of any operation of the protocol. */
export const OipProblemResponses = {
  '4xx': fault('A fault of the request; `code` identifies it.'),
  '5xx': fault('A fault of the service; `code` identifies it.'),
};
