import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';
import { ServiceError } from '../errors/index.ts';
import { detectImages } from '../serving/detect-images.ts';
import { type Extraction, ExtractionError, extract } from './adapters/index.ts';
import type { FailCause } from './config/schema.ts';
import type { Decided, Route } from './config/settings.ts';
import type { Detection, GateEngine, GateTenants, GateTrace, ServingMethod } from './seams.ts';

/** One image and what became of it. */
export interface Judged {
  id: string;
  instance: number;
  sha256: string | undefined;
  result: { decision: 'id' | 'ood'; class: string; detection: Detection } | { cause: FailCause; detail: string };
}

/** What was found out about one request. */
export interface Inspection {
  tenant: string;
  tenantVersion: number | undefined;
  method: ServingMethod | undefined;
  extraction: Extraction;
  images: Judged[];
  /** Why the request as a whole could not be judged. */
  failure?: { cause: FailCause; detail: string };
}

export interface Subject {
  route: Route;
  decided: Decided;
  tenant: string;
  body: Buffer;
  headers: IncomingHttpHeaders;
  trace?: GateTrace | undefined;
}

/** Where the body should hold an image and holds none that can be read. */
const NOT_AN_IMAGE = new ServiceError('image_undecodable', 'The element that should be an image is not one.');

const NOTHING: Extraction = { images: [], instances: 0 };

/** A request that was not looked at. */
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

/** Takes the images out of a body and asks for their verdicts, within the time budget. Never rejects. */
export class Inspector {
  readonly #engine: GateEngine;
  readonly #tenants: GateTenants;

  constructor(engine: GateEngine, tenants: GateTenants) {
    this.#engine = engine;
    this.#tenants = tenants;
  }

  /** @param signal aborted when the client has left */
  async inspect(subject: Subject, signal: AbortSignal): Promise<Inspection> {
    const { route } = subject;
    const late = new AbortController();
    const reason = new ServiceError('deadline_exceeded', `No verdict within the budget of ${route.budgetMs} ms.`);
    let timer: NodeJS.Timeout | undefined;
    // the budget holds whatever the engine does about the signal
    const deadline = new Promise<Inspection>((resolve) => {
      timer = setTimeout(() => {
        late.abort(reason);
        resolve(unjudged(subject.tenant, 'deadline', reason.message));
      }, route.budgetMs);
    });
    try {
      return await Promise.race([this.#judge(subject, AbortSignal.any([late.signal, signal])), deadline]);
    } catch (error) {
      const { cause, detail } = failureOf(error);
      return unjudged(subject.tenant, cause, detail);
    } finally {
      clearTimeout(timer);
    }
  }

  async #judge({ route, decided, tenant, body, headers, trace }: Subject, signal: AbortSignal): Promise<Inspection> {
    const began = performance.now();
    const serving = this.#tenants.resolve(tenant);
    const method = decided.method ?? serving.method;
    const { pointers, answerPointer, fields, maxImages, budgetMs } = route;
    const { body: plain, coded } = await decoded(body, headers, route.maxBodyBytes);
    const { filter, ...found } = await extract(route.adapter, plain, headers, { pointers, answerPointer, fields });
    // a filtered body would have to be packed again
    const extraction = coded || !filter ? found : { ...found, filter };
    if (found.images.length > maxImages) {
      throw new ExtractionError('too_large', `${found.images.length} images, at most ${maxImages} are looked at`);
    }
    if (found.images.length === 0) throw new ExtractionError('no_image', 'there is no image in the body');
    const timeoutMs = Math.max(1, Math.ceil(budgetMs - (performance.now() - began)));
    trace?.lap('extract');
    const judged = await detectImages(this.#engine, {
      tenant,
      serving,
      method,
      images: found.images.map(({ id, bytes }) => ({ id, bytes: bytes ?? NOT_AN_IMAGE })),
      topK: 0,
      timeoutMs,
      signal,
      around: trace && ((inner) => trace.around(inner)),
    });
    const images = judged.map((image, i): Judged => {
      const { id, instance, bytes } = found.images[i] as (typeof found.images)[number];
      if ('error' in image) {
        const sha256 = bytes && createHash('sha256').update(bytes).digest('hex');
        return { id, instance, sha256, result: failureOf(image.error) };
      }
      const { decision, detection } = image;
      const name = serving.classes[detection.index] ?? String(detection.index);
      return { id, instance, sha256: detection.image.sha256, result: { decision, class: name, detection } };
    });
    trace?.lap();
    return { tenant, tenantVersion: serving.version, method, extraction, images };
  }
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
};

export function failureOf(error: unknown): { cause: FailCause; detail: string } {
  if (error instanceof ExtractionError) return { cause: error.failure, detail: error.message };
  if (error instanceof ServiceError) return { cause: CAUSES[error.code] ?? 'engine_down', detail: error.message };
  return { cause: 'engine_down', detail: String(error) };
}

const unpack = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
};

/** The body without its content coding. What is forwarded keeps it. */
async function decoded(
  body: Buffer,
  headers: IncomingHttpHeaders,
  limit: number,
): Promise<{ body: Buffer; coded: boolean }> {
  const codings = (headers['content-encoding'] ?? '')
    .toLowerCase()
    .split(',')
    .map((c) => c.trim())
    .filter((c) => c !== '' && c !== 'identity');
  for (const coding of codings.reverse()) {
    const one = Object.hasOwn(unpack, coding) ? unpack[coding as keyof typeof unpack] : undefined;
    if (!one) throw new ExtractionError('undecodable', `the content coding ${JSON.stringify(coding)} is unknown here`);
    try {
      body = await one(body, { maxOutputLength: limit });
    } catch (error) {
      const tooLarge = (error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE';
      throw new ExtractionError(tooLarge ? 'too_large' : 'undecodable', `the body can't be unpacked: ${error}`);
    }
  }
  return { body, coded: codings.length > 0 };
}
