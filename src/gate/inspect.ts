import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { RULES } from '../clipn/index.ts';
import { disagreeing } from '../engine/index.ts';
import { deadlinePassed } from '../errors/deadline.ts';
import { ServiceError } from '../errors/index.ts';
import { detectImages, type JudgedImage, type Origin } from '../serving/detect-images.ts';
import { standingRule } from '../tenants/calibration/rule.ts';
import type { Calibrated } from '../tenants/calibration/serving.ts';
import { type Extraction, ExtractionError, type FoundImage } from './adapters/types.ts';
import type { FailCause } from './config/schema.ts';
import type { Decided, Route } from './config/settings.ts';
import type { Unexamined } from './reading/index.ts';
import { readFairly } from './reading/thread/index.ts';
import type { Detection, GateEngine, GateTenants, GateTrace, ServingMethod } from './seams.ts';

/** One image with its verdict or error. */
export interface Judged {
  id: string;
  instance: number;
  sha256: string | undefined;
  result:
    | { decision: 'id' | 'ood'; class: string; detection: Detection; calibrated?: Calibrated }
    | { cause: FailCause; detail: string };
}

/** Everything that is known about one request. */
export interface Inspection {
  tenant: string;
  tenantVersion: number | undefined;
  method: ServingMethod | undefined;
  extraction: Extraction;
  images: Judged[];
  /** A place in the request that is neither judged nor known to be no image. */
  unexamined?: Unexamined | undefined;
  /** The reason why the request as a whole could not be judged. */
  failure?: { cause: FailCause; detail: string };
}

export interface InspectedRequest {
  interface: Origin['interface'];
  route: Route;
  decided: Decided;
  tenant: string;
  body: Buffer;
  headers: IncomingHttpHeaders;
  /** All headers, to detect repeated ones. */
  rawHeaders: readonly string[];
  /** Path and query. */
  target: string;
  requestId: string;
  trace?: GateTrace | undefined;
}

/** Error of an expected image whose bytes cannot be read. */
const NOT_AN_IMAGE = new ServiceError('image_undecodable', 'The element that should be an image is not one.');

const NOTHING: Extraction = { images: [], instances: 0 };

/** The result for a request that was not inspected. */
export function unjudged(tenant: string, cause: FailCause, detail: string): Inspection {
  return {
    tenant,
    tenantVersion: undefined,
    method: undefined,
    extraction: NOTHING,
    images: [],
    failure: { cause, detail },
  };
}

/** Extracts the images of a body and judges them within the time budget. Never rejects. */
export class Inspector {
  readonly #engine: GateEngine;
  readonly #tenants: GateTenants;

  constructor(engine: GateEngine, tenants: GateTenants) {
    this.#engine = engine;
    this.#tenants = tenants;
  }

  /** @param signal aborted when the client has disconnected */
  async inspect(inspected: InspectedRequest, signal: AbortSignal): Promise<Inspection> {
    const { route } = inspected;
    // one controller: AbortSignal.any() costs as much as the reading of a short body
    const ended = new AbortController();
    const leave = () => ended.abort(signal.reason);
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave, { once: true });
    let timer: NodeJS.Timeout | undefined;
    // a timer of its own, so that the budget holds even if the engine ignores the signal
    const deadline = new Promise<Inspection>((resolve) => {
      timer = setTimeout(() => {
        const reason = deadlinePassed.overBudget(route.budgetMs);
        ended.abort(reason);
        resolve(unjudged(inspected.tenant, 'deadline', reason.message));
      }, route.budgetMs);
    });
    try {
      return await Promise.race([this.#judge(inspected, ended.signal), deadline]);
    } catch (error) {
      const { cause, detail } = failureOf(error);
      return unjudged(inspected.tenant, cause, detail);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', leave);
    }
  }

  async #judge(inspected: InspectedRequest, signal: AbortSignal): Promise<Inspection> {
    const { route, decided, tenant, requestId, trace } = inspected;
    const began = performance.now();
    const serving = this.#tenants.resolve(tenant);
    const method = standingRule(serving, decided.method);
    const { extraction, unexamined } = await readFairly(inspected, route, signal);
    const { images: found } = extraction;
    if (found.length > route.maxImages) throw new ExtractionError('too_large', `more than ${route.maxImages} images`);
    // no error, whose stack would be collected for every request without an image
    if (found.length === 0 && !unexamined) return unjudged(tenant, 'no_image', 'there is no image in the request');
    const timeoutMs = Math.max(1, Math.ceil(route.budgetMs - (performance.now() - began)));
    trace?.lap('extract');
    const judged = await detectImages(this.#engine, {
      tenant,
      serving,
      origin: { interface: inspected.interface, requestId, serving },
      method,
      images: found.map(({ id, bytes }) => ({ id, bytes: bytes ?? NOT_AN_IMAGE })),
      topK: 0,
      timeoutMs,
      readings: true,
      orientation: route.orientation,
      signal,
      around: trace && ((inner) => trace.around(inner)),
    });
    const context = {
      classes: serving.classes,
      method,
      maxFrames: route.maxFrames,
      uncertain: decided.uncertain !== undefined,
    };
    const images = judged.map((image, i) => judgedImage(found[i] as FoundImage, image, context));
    trace?.lap();
    return { tenant, tenantVersion: serving.version, method, extraction, images, unexamined };
  }
}

interface Context {
  classes: readonly string[];
  method: ServingMethod;
  maxFrames: number;
  uncertain: boolean;
}

/** One image with its verdict or error. */
function judgedImage({ id, instance, bytes }: FoundImage, image: JudgedImage, context: Context): Judged {
  if ('error' in image) {
    const sha256 = bytes && createHash('sha256').update(bytes).digest('hex');
    return { id, instance, sha256, result: failureOf(image.error) };
  }
  const { decision, detection, calibrated } = image;
  const { sha256, frames = 1 } = detection.image;
  const unexamined = (detail: string): Judged => ({ id, instance, sha256, result: { cause: 'unexamined', detail } });
  // the band of an uncertain image must hold in every reading, too
  const rules = calibrated && context.uncertain ? RULES : [context.method];
  const [other] = rules.flatMap((rule) => disagreeing(detection, rule));
  if (other !== undefined) return unexamined(`the image is decided otherwise in another reading (${other})`);
  if (frames > context.maxFrames) return unexamined(`the image has ${frames} frames, of which the first is judged`);
  const name = context.classes[detection.index] ?? String(detection.index);
  return { id, instance, sha256, result: { decision, class: name, detection, ...(calibrated && { calibrated }) } };
}

const CAUSES: Partial<Record<ServiceError['code'], FailCause>> = {
  overloaded: 'overloaded',
  deadline_exceeded: 'deadline',
  image_undecodable: 'undecodable',
  image_too_large: 'too_large',
  unsupported_media_type: 'undecodable',
  no_image: 'undecodable',
  invalid_request: 'undecodable',
  tenant_not_found: 'no_tenant',
  not_calibrated: 'uncalibrated',
  no_negatives: 'uncalibrated',
};

export function failureOf(error: unknown): { cause: FailCause; detail: string } {
  if (error instanceof ExtractionError) return { cause: error.failure, detail: error.message };
  if (error instanceof ServiceError) return { cause: CAUSES[error.code] ?? 'engine_down', detail: error.message };
  return { cause: 'engine_down', detail: String(error) };
}
