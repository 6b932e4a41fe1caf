import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { decisionOf, type Method } from '../../../clipn/index.ts';
import type { Detection } from '../../../engine/index.ts';
import { ServiceError, toProblem } from '../../../errors/index.ts';
import { type Terms, termsOf } from '../../admission.ts';
import { count, type Outcome } from '../../count.ts';
import { limitedTenant } from '../../limits.ts';
import { toServiceError } from '../../plugins/errors.ts';
import type { DetectHeaders, DetectQuery, DetectReply, FailedImage, Verdict } from '../../schemas/detect.ts';
import { type ReceivedImage, readImages } from './read-images.ts';

export async function detect(
  request: FastifyRequest<{ Querystring: DetectQuery; Headers: DetectHeaders }>,
  reply: FastifyReply,
): Promise<DetectReply> {
  const app = request.server;
  const started = performance.now();
  const { tenant, top_k: topK } = request.query;
  // before the body is read: who asks for a tenant that isn't there should not have to upload first
  app.tenants.resolve(tenant);
  const { limiter } = app.access;
  const limited = limitedTenant(app.tenants.get(tenant));
  reply.headers(limiter.headers(request.principal, limited));
  limiter.check(request.principal, limited);

  const gone = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished)
      gone.abort(new ServiceError('deadline_exceeded', 'The client closed the connection.'));
  });

  const { maxImages, maxImageBytes, maxBodyBytes } = app.config;
  const images = await readImages(request, { maxImages, maxImageBytes, maxBodyBytes });
  request.trace?.lap('receive');
  // what serves now: while the body came in the tenant, or the model, may have been replaced
  const head = app.tenants.resolve(tenant);
  const method = request.query.method ?? head.method;
  const terms = termsOf(request, { config: app.config, images: images.length, elapsedMs: reply.elapsedTime });
  admit(app, terms, images.length);

  const leave = limiter.take(request.principal, limited, images.length);
  reply.headers(limiter.headers(request.principal, limited));
  const engine = request.trace?.around(app.engine) ?? app.engine;
  const outcomes = await Promise.all(
    images.map(async ({ id, bytes }: ReceivedImage): Promise<Outcome> => {
      if (bytes instanceof ServiceError) return { id, error: bytes };
      try {
        const job = { bytes, headId: head.headId, topK, ...terms };
        return { id, detection: await engine.detect(job, gone.signal) };
      } catch (error) {
        return { id, error: toServiceError(error) };
      }
    }),
  ).finally(leave);
  request.trace?.lap();
  for (const outcome of outcomes) count(app.metrics, tenant, method, outcome);
  failWhole(outcomes);

  const results = outcomes.map((o) =>
    'error' in o ? failed(o, request) : verdict(o.id, o.detection, method, head.classes),
  );
  const slowest = (stage: keyof Detection['timing']) =>
    Math.max(0, ...outcomes.map((o) => ('detection' in o ? o.detection.timing[stage] : 0)));
  return {
    tenant,
    tenant_version: head.version,
    model: head.model,
    results,
    timing_ms: {
      decode: round(slowest('decode')),
      queue: round(slowest('queue')),
      inference: round(slowest('inference')),
      total: round(performance.now() - started),
    },
  };
}

/** A request of many images is taken or refused as a whole. */
function admit({ engine, metrics }: FastifyInstance, terms: Terms, images: number): void {
  try {
    if (images > 1) engine.check({ ...terms, images });
  } catch (error) {
    metrics.imagesRejected.inc({ reason: toServiceError(error).code }, images);
    throw error;
  }
}

/** A single image's problem is the reply's own. So is one of ours (5xx, 429) that struck all of them: a client should retry the request. */
function failWhole(outcomes: Outcome[]): void {
  const errors = outcomes.flatMap((o) => ('error' in o ? [o.error] : []));
  const [first] = errors;
  if (!first || errors.length < outcomes.length) return;
  if (outcomes.length === 1) throw first;
  const ours = errors.find((e) => e.status >= 500 || e.status === 429);
  if (ours && errors.every((e) => e.status >= 500 || e.status === 429)) throw ours;
}

function failed({ id, error }: { id: string; error: ServiceError }, request: FastifyRequest): FailedImage {
  request.log.info({ code: error.code, detail: error.message, internal: error.internal }, 'image failed');
  return { id, error: toProblem(error) };
}

function verdict(id: string, d: Detection, method: Method, classes: readonly string[]): Verdict {
  const name = (index: number) => classes[index] as string;
  return {
    id,
    decision: decisionOf(d.decisions, method),
    method,
    prediction: { class: name(d.index), index: d.index, probability: d.probability },
    no_probability: d.noProbability,
    ood_probability: d.oodProbability,
    decisions: d.decisions,
    scores: d.scores,
    top: d.top.map((t) => ({
      class: name(t.index),
      index: t.index,
      probability: t.probability,
      no_probability: t.noProbability,
    })),
    image: imageOf(d.image),
  };
}

/** Where there are several pictures, how many: the first was judged. */
const imageOf = ({ frames, ...image }: Detection['image']) => (frames > 1 ? { ...image, frames } : image);

const round = (ms: number) => Math.round(ms * 1000) / 1000;
