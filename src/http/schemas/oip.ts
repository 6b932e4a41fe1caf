import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import { toProblem } from '../../errors/index.ts';
import { logFailure } from '../log-failure.ts';
import { toServiceError } from '../plugins/errors.ts';

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

/** Adds the field `error`, which the protocol defines, to the problem document that all errors of this service have. */
export function oipErrors(app: FastifyInstance): void {
  app.setErrorHandler((error, request, reply) => {
    const service = toServiceError(error);
    logFailure(request, service, 'info');
    if (service.retryAfterSeconds !== undefined) reply.header('retry-after', String(service.retryAfterSeconds));
    return reply
      .code(service.status)
      .type('application/json')
      .send({ error: service.message, ...toProblem(service, request.id) });
  });
}
