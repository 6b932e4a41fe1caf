import type { FastifyRequest } from 'fastify';
import type { ServiceError } from '../errors/index.ts';

/** Statuses of refusals, which may come in floods. */
const REFUSALS = new Set([429, 503]);

/** Logs the internal details of an error; in a flood of refusals only the first few. */
export function logFailure(
  request: FastifyRequest,
  { code, status, message, internal }: ServiceError,
  level: 'info' | 'error',
): void {
  request.unlogged = REFUSALS.has(status) && !request.server.flood.admits(code);
  if (!request.unlogged) request.log[level]({ code, detail: message, internal }, 'request failed');
}
