import { randomUUID } from 'node:crypto';

/** The caller's id if it is harmless to log and to send back, else one of our own. */
export function requestId(given: string | string[] | undefined): string {
  return typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID();
}
