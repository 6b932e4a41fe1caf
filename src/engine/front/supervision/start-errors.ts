import { ServiceError } from '../../../errors/index.ts';
import { causeOf, describeExit, type Exit } from '../../shared/exit-cause.ts';

/** The public reason why there is no engine. */
export function publicReason(error: unknown): string {
  return error instanceof ServiceError ? error.message : 'the inference engine could not be started';
}

/** Before its first image the process needs more memory than it is allowed. */
export function tooLarge(rss: number, allowed: number): ServiceError {
  const detail = 'The inference engine needs more memory than it is allowed, before the first image.';
  return new ServiceError('engine_unavailable', detail, { internal: `${rss} bytes resident, ${allowed} allowed` });
}

/** The process ended before it was ready. */
export function endedEarly(name: string, exit: Exit): ServiceError {
  const how = describeExit(exit, causeOf(exit, false));
  return new ServiceError('engine_unavailable', `The inference engine "${name}" ended while it was starting (${how}).`);
}

/** Rejects with engine_unavailable if the start takes longer than `ms`. */
export async function withTimeout<T>(promise: Promise<T>, ms: number): Promise<T> {
  const error = new ServiceError('engine_unavailable', `The inference engine was not ready within ${ms} ms.`);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(error), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
