import type { FastifyReply, FastifyRequest } from 'fastify';
import { RULES, type Rule } from '../../../clipn/index.ts';
import { ServiceError } from '../../../errors/index.ts';
import { requestedRule } from '../../../tenants/calibration/rule.ts';
import type { Serving } from '../../../tenants/tenant.ts';
import { checkLimits, judge } from '../../judge.ts';
import type { ModelParams, OutputName } from '../../schemas/oip.ts';
import { checkVersion } from './description.ts';
import { valuesOf } from './infer-reply.ts';

/**
 * The serving version of the tenant, once the limits of key and tenant admit a request.
 * @throws ServiceError tenant_not_found, tenant_not_ready, rate_limited
 */
export function admitted(request: FastifyRequest, reply: FastifyReply, model: ModelParams): Serving {
  const serving = request.server.tenants.resolve(model.tenant);
  checkVersion(model, serving.version);
  checkLimits(request, reply, model.tenant);
  return serving;
}

export interface AskedVerdicts {
  tenant: string;
  serving: Serving;
  /** The parameter `method` of the request. */
  method: unknown;
  images: readonly Buffer[];
}

/**
 * Judges the images of an inference request, over HTTP or gRPC. The request fails as a whole, because the protocol has no field
 * for the error of one element.
 * @returns the rule that decided, and the values of each output, one for each image
 */
export async function verdicts(
  request: FastifyRequest,
  reply: FastifyReply,
  { tenant, serving, method: named, images }: AskedVerdicts,
): Promise<{ method: Rule; values: (name: OutputName) => (string | number)[] }> {
  request.trace?.lap('receive');
  const method = requestedRule(serving, methodOf(named));
  const received = images.map((bytes, i) => ({ id: String(i), bytes }));
  const judged = await judge(request, reply, { interface: 'oip', tenant, serving, method, images: received, topK: 0 });
  const detections = judged.map((o) => {
    if ('error' in o) throw o.error;
    return o.detection;
  });
  return { method, values: (name) => valuesOf(name, detections, method, serving.classes) };
}

function methodOf(asked: unknown): Rule | undefined {
  if (asked === undefined || asked === null) return undefined;
  const method = RULES.find((m) => m === asked);
  if (method) return method;
  throw new ServiceError('invalid_request', `The parameter method is one of ${RULES.join(', ')}.`);
}
