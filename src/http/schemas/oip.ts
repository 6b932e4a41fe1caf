import { type Static, Type } from 'typebox';

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
