import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Detection } from '../../../engine/index.ts';
import { type ServiceError, toProblem } from '../../../errors/index.ts';
import type { JudgedImage } from '../../../serving/detect-images.ts';
import { requestedRule } from '../../../tenants/calibration/rule.ts';
import { readImages } from '../../bodies/read-images.ts';
import { departureOf } from '../../departure.ts';
import { checkLimits, judge } from '../../judge.ts';
import type { FetchImage } from '../../remote/index.ts';
import type { DetectHeaders, DetectQuery, DetectReply, FailedImage } from '../../schemas/detect.ts';
import { verdictOf } from '../../verdict.ts';

/** @param fetchImage fetches images that a request names by their addresses */
export async function answerDetect(
  fetchImage: FetchImage,
  request: FastifyRequest<{ Querystring: DetectQuery; Headers: DetectHeaders }>,
  reply: FastifyReply,
): Promise<DetectReply> {
  const app = request.server;
  const started = performance.now();
  const { tenant, top_k: topK, explain } = request.query;
  // before the body is read, so that a request for an unknown tenant fails before its upload
  app.tenants.resolve(tenant);
  checkLimits(request, reply, tenant);

  const images = await readImages(request, app.config, { fetchImage, signal: departureOf(reply) });
  // releases the JSON text, which is as large as the images that were read from it
  request.body = undefined;
  request.trace?.lap('receive');
  // resolved again, because tenant or model may have been replaced while the body arrived
  const serving = app.tenants.resolve(tenant);
  const method = requestedRule(serving, request.query.method);
  const judged = await judge(request, reply, { interface: 'detect', tenant, serving, method, images, topK, explain });
  failWhole(judged);

  const results = judged.map((image) =>
    'error' in image ? failed(image, request) : verdictOf(image, method, serving),
  );
  const slowest = (stage: keyof Detection['timing']) =>
    Math.max(0, ...judged.map((o) => ('detection' in o ? o.detection.timing[stage] : 0)));
  const warnings = [...(explain && !serving.words ? [noWords(tenant)] : []), ...app.tenants.cutOff(serving)];
  return {
    tenant,
    tenant_version: serving.version,
    model: serving.model,
    results,
    ...(warnings.length > 0 && { warnings }),
    timing_ms: {
      decode: round(slowest('decode')),
      queue: round(slowest('queue')),
      inference: round(slowest('inference')),
      total: round(performance.now() - started),
    },
  };
}

const noWords = (tenant: string) => ({
  code: 'no_negatives' as const,
  message: `There is no looks_like, because tenant "${tenant}" has no negative labels: add "negatives": {} to it.`,
});

/** Throws the error of a single image, and an error of the service (5xx, 429) that all images have, so that clients retry. */
function failWhole(outcomes: JudgedImage[]): void {
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

const round = (ms: number) => Math.round(ms * 1000) / 1000;
