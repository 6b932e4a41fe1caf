import type { FastifyRequest } from 'fastify';
import type { ServiceError } from '../errors/index.ts';

/** Refusals, which come in floods: too many requests, and none that could be answered. */
const REFUSALS = new Set([429, 503]);

/** What is internal to an error, for the log; of a flood of refusals the first few only. */
export function logFailure(
  request: FastifyRequest,
  { code, status, message, internal }: ServiceError,
  level: 'info' | 'error',
): void {
  request.unlogged = REFUSALS.has(status) && !request.server.flood.admits(code);
  if (!request.unlogged) request.log[level]({ code, detail: message, internal }, 'request failed');
}
