import { decisionOf, type Rule } from '../clipn/index.ts';
import { defined } from '../defined.ts';
import type { Ask, Detection, DetectRequest, Priority } from '../engine/index.ts';
import { deserializeError, ServiceError, serializeError } from '../errors/index.ts';
import type { GivenVerdict, Interface } from '../events/index.ts';
import type { Calibrated } from '../tenants/calibration/serving.ts';
import type { LooksLike } from '../tenants/negatives/looks-like.ts';
import type { Serving } from '../tenants/tenant.ts';
import { withCalibration } from './calibrated.ts';
import { looksLikeBy, type WordFinder } from './looks-like.ts';

/** The methods of an engine that detection needs: admission of images, and the verdict on one. Both throw ServiceError. */
export interface DetectionEngine extends WordFinder {
  check(ask: Ask): void;
  detect(request: DetectRequest, signal?: AbortSignal): Promise<Detection>;
  /** Called with each verdict of a job that has an origin. */
  given?(verdict: GivenVerdict): void;
}

/** Where a request came from, for the events that report its verdicts and for images that are kept. */
export interface Origin {
  interface: Interface;
  requestId: string;
  serving: Pick<Serving, 'version' | 'classes' | 'model'>;
}

/** One image as read from a request: the bytes of its file, or the error of reading it. */
export interface ReceivedImage {
  id: string;
  bytes: Uint8Array | ServiceError;
}

/** Images of one request that are judged together: by one version of one tenant, with one priority. */
export interface DetectionJob {
  tenant: string;
  serving: Pick<Serving, 'headId'> & Partial<Pick<Serving, 'calibration' | 'classes' | 'words'>>;
  /** Where the request came from; without it there are no events. */
  origin?: Origin | undefined;
  /** The rule whose decision is returned; `calibrated` only with a calibration that applies (`requestedRule`). */
  method: Rule;
  images: readonly ReceivedImage[];
  /** Number of likeliest classes to return for each image. */
  topK: number;
  /** If undefined, `priorityOf` derives it from the number of images. */
  priority?: Priority | undefined;
  /** Deadline, milliseconds from now. */
  timeoutMs?: number | undefined;
  /** Also judge the other readings of each file (images/readings.ts). */
  readings?: boolean | undefined;
  /** Whether EXIF orientation is applied; as configured where it is undefined. */
  orientation?: 'apply' | 'ignore' | undefined;
  /** Aborted when the client has disconnected. */
  signal?: AbortSignal | undefined;
  /** Whether the verdicts are no traffic, so that they do not count for drift. */
  uncounted?: boolean | undefined;
  /** Whether the detections have the embedding of the image. */
  embedding?: boolean | undefined;
  /** Whether refused images get the words that they look like, where the tenant has negative labels. */
  explain?: boolean | undefined;
  /** Wraps the engine, for example in a trace. */
  around?: ((engine: Pick<DetectionEngine, 'detect'>) => Pick<DetectionEngine, 'detect'>) | undefined;
  /** Called once the images are admitted; its result is called when all are answered. If it throws, the job is refused. */
  onAdmitted?: () => () => void;
  observer?: DetectionObserver | undefined;
}

/** An image with its verdict, or with the error that prevented one. */
export type JudgedImage =
  | { id: string; detection: Detection; decision: 'id' | 'ood'; calibrated?: Calibrated; looksLike?: LooksLike[] }
  | { id: string; error: ServiceError };

/** Receives the outcome of images, for metrics. */
export interface DetectionObserver {
  /** A request of several images was refused as a whole. */
  refused?(event: { error: ServiceError; images: number }): void;
  judged?(event: { tenant: string; method: Rule; image: JudgedImage }): void;
}

/** Largest request, in images, that does not count as bulk. */
const SMALL = 4;

/** Priority of a request with this number of images that does not set one. */
export const priorityOf = (images: number): Priority => (images > SMALL ? 'bulk' : 'interactive');

/**
 * The only path from images to verdicts, used by `/v1/detect`, the Open Inference Protocol, the gate, ext_authz and the command
 * line. A request of several images is admitted or refused as a whole; once admitted, each image gets a verdict or an error
 * of its own.
 * @returns one entry for each image, in their order
 * @throws ServiceError overloaded, engine_unavailable where the request is refused; errors of `onAdmitted`
 */
export async function detectImages(engine: DetectionEngine, job: DetectionJob): Promise<JudgedImage[]> {
  const { tenant, serving, method, images, topK, timeoutMs, signal, observer } = job;
  const priority = job.priority ?? priorityOf(images.length);
  admit(engine, { tenant, priority, timeoutMs, images: images.length }, observer);
  const finish = job.onAdmitted?.();
  const judge = job.around?.(engine) ?? engine;
  const request = {
    headId: serving.headId,
    tenant,
    topK,
    priority,
    ...defined({ timeoutMs, orientation: job.orientation, requestId: job.origin?.requestId }),
    ...(job.readings ? { readings: true } : {}),
    ...(job.uncounted ? { uncounted: true } : {}),
    ...(job.embedding || explained(job) ? { embedding: true } : {}),
  };
  const one = async ({ id, bytes }: ReceivedImage): Promise<JudgedImage> => {
    if (bytes instanceof ServiceError) return { id, error: bytes };
    try {
      const judged = withCalibration(await judge.detect({ ...request, bytes }, signal), serving);
      const decision = decisionOf(judged.detection.decisions, method);
      const wanted = decision === 'ood' && explained(job);
      const looksLike = wanted ? await looksLikeBy(engine, serving, judged.detection, signal) : undefined;
      return { id, ...judged, decision, ...defined({ looksLike }) };
    } catch (error) {
      return { id, error: asServiceError(error) };
    }
  };
  const judged = await Promise.all(images.map(one)).finally(finish);
  for (const [index, image] of judged.entries()) {
    observer?.judged?.({ tenant, method, image });
    if (!job.origin || 'error' in image) continue;
    const { detection, decision } = image;
    engine.given?.({ tenant, method, index, detection, decision, ...job.origin });
  }
  return judged;
}

const explained = ({ explain, serving }: Pick<DetectionJob, 'explain' | 'serving'>) =>
  explain === true && serving.words !== undefined;

/** Admits several images; `detect` itself admits a single one. */
function admit(engine: DetectionEngine, ask: Ask, observer: DetectionObserver | undefined): void {
  if (ask.images <= 1) return;
  try {
    engine.check(ask);
  } catch (error) {
    observer?.refused?.({ error: asServiceError(error), images: ask.images });
    throw error;
  }
}

function asServiceError(error: unknown): ServiceError {
  return error instanceof ServiceError ? error : deserializeError(serializeError(error));
}
