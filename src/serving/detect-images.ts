import { decisionOf, type Method } from '../clipn/index.ts';
import type { Ask, Detection, DetectRequest, Priority } from '../engine/index.ts';
import { deserializeError, ServiceError, serializeError } from '../errors/index.ts';
import type { Serving } from '../tenants/tenant.ts';

/** What detection needs of an engine: whether images would be taken now, and the verdict on one. Both refuse with a ServiceError. */
export interface DetectionEngine {
  check(ask: Ask): void;
  detect(request: DetectRequest, signal?: AbortSignal): Promise<Detection>;
}

/** One image as its reader found it: the bytes of its file, or why there are none. */
export interface ReceivedImage {
  id: string;
  bytes: Uint8Array | ServiceError;
}

/** Images of one request that are judged together: by one version of one tenant, in one order of urgency. */
export interface DetectionJob {
  tenant: string;
  serving: Pick<Serving, 'headId'>;
  /** The rule that decides. */
  method: Method;
  images: readonly ReceivedImage[];
  /** Likeliest classes to return for each image. */
  topK: number;
  /** By the number of images where nothing is said; see `priorityOf`. */
  priority?: Priority | undefined;
  /** Milliseconds from now. */
  timeoutMs?: number | undefined;
  /** Ask what other readings of a file are judged as well. */
  readings?: boolean | undefined;
  /** Aborted when the client has left. */
  signal?: AbortSignal | undefined;
  /** Puts something around the engine's answers, such as a trace. */
  around?: ((engine: Pick<DetectionEngine, 'detect'>) => Pick<DetectionEngine, 'detect'>) | undefined;
  /** Called once the images are admitted; what it returns is called when all of them are answered. Its error refuses the job. */
  onAdmitted?: () => () => void;
  observer?: DetectionObserver | undefined;
}

/** An image and its verdict, or why there is none. */
export type JudgedImage =
  | { id: string; detection: Detection; decision: 'id' | 'ood' }
  | { id: string; error: ServiceError };

/** Learns what became of images. */
export interface DetectionObserver {
  /** A request of many images was refused as a whole. */
  refused?(event: { error: ServiceError; images: number }): void;
  judged?(event: { tenant: string; method: Method; image: JudgedImage }): void;
}

/** Images of a request that does not count as bulk. */
const SMALL = 4;

/** How urgent a request of so many images is that does not say so itself. */
export const priorityOf = (images: number): Priority => (images > SMALL ? 'bulk' : 'interactive');

/**
 * The one way from images to verdicts: for `/v1/detect`, the Open Inference Protocol, the gate, ext_authz and the command line alike. A request
 * of several images is admitted or refused as a whole; from then on each image has its verdict or its error alone.
 * @returns one entry for each image, in their order
 * @throws ServiceError overloaded, engine_unavailable where the request is refused; what `onAdmitted` throws
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
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(job.readings ? { readings: true } : {}),
  };
  const one = async ({ id, bytes }: ReceivedImage): Promise<JudgedImage> => {
    if (bytes instanceof ServiceError) return { id, error: bytes };
    try {
      const detection = await judge.detect({ ...request, bytes }, signal);
      return { id, detection, decision: decisionOf(detection.decisions, method) };
    } catch (error) {
      return { id, error: asServiceError(error) };
    }
  };
  const judged = await Promise.all(images.map(one)).finally(finish);
  for (const image of judged) observer?.judged?.({ tenant, method, image });
  return judged;
}

/** A single image is admitted by `detect` itself. */
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
