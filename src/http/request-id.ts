import { randomUUID } from 'node:crypto';

/** The caller's request id if it is safe to log and to return, else a new one. */
export function requestId(given: string | string[] | undefined): string {
  return typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID();
}
