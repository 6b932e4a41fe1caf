import type { FastifyReply, FastifyRequest } from 'fastify';

/** The log line of an answered request. */
export function logRequest(
  { log, method, principal, originalUrl }: FastifyRequest,
  { statusCode, elapsedTime }: FastifyReply,
): void {
  const line = {
    method,
    path: originalUrl.split('?')[0],
    status: statusCode,
    ms: Math.round(elapsedTime * 100) / 100,
    ...(principal.id === '' ? {} : { key: principal.id }),
  };
  log.info(line, 'request');
}
