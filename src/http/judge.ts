import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Rule } from '../clipn/index.ts';
import { detectImages, type JudgedImage, type Origin, type ReceivedImage } from '../serving/detect-images.ts';
import type { Serving } from '../tenants/tenant.ts';
import { termsOf } from './admission.ts';
import { departureOf } from './departure.ts';
import { detectionMetrics, rejectedMetrics } from './detection-metrics.ts';
import { limitedTenant } from './limits.ts';

/** Checks the limits of key and tenant before the body is read; sets the RateLimit fields. @throws ServiceError rate_limited */
export function checkLimits(request: FastifyRequest, reply: FastifyReply, tenant: string): void {
  const { access, tenants } = request.server;
  const limited = limitedTenant(tenants.get(tenant));
  reply.headers(access.limiter.headers(request.principal, limited));
  access.limiter.check(request.principal, limited);
}

export interface AskedImages {
  /** Undefined for images that no client asks a verdict for; there are no events of these. */
  interface?: Origin['interface'];
  tenant: string;
  serving: Serving;
  method: Rule;
  /** See `DetectionJob`. */
  uncounted?: boolean;
  embedding?: boolean;
  explain?: boolean;
  images: readonly ReceivedImage[];
  topK: number;
}

/**
 * Judges the images of a request within its deadline, its priority, and the limits of its key and tenant. The verdicts are
 * counted in the metrics and traced. The work stops when the client disconnects.
 * @throws errors of `detectImages`, and ServiceError rate_limited
 */
export async function judge(request: FastifyRequest, reply: FastifyReply, asked: AskedImages): Promise<JudgedImage[]> {
  const { access, config, engine, metrics, tenants } = request.server;
  const { tenant, images } = asked;
  const { trace, principal } = request;
  const terms = termsOf(request, { config, images: images.length, elapsedMs: reply.elapsedTime });
  const limited = limitedTenant(tenants.get(tenant));
  const judged = await detectImages(engine, {
    ...asked,
    ...terms,
    origin: asked.interface && { interface: asked.interface, requestId: request.id, serving: asked.serving },
    signal: departureOf(reply),
    around: trace && ((inner) => trace.around(inner)),
    observer: asked.uncounted ? rejectedMetrics(metrics) : detectionMetrics(metrics),
    onAdmitted: () => {
      const leave = access.limiter.take(principal, limited, images.length);
      reply.headers(access.limiter.headers(principal, limited));
      return leave;
    },
  });
  trace?.lap();
  return judged;
}
