import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Priority } from '../engine/index.ts';
import { deadlinePassed } from '../errors/deadline.ts';
import { ServiceError } from '../errors/index.ts';
import { priorityOf } from '../serving/detect-images.ts';
import type { HttpConfig } from './decorators.ts';
import { type DetectQuery, MAX_TIMEOUT_MS } from './schemas/detect.ts';

/** Priority of the request, and its remaining time in milliseconds. */
export interface Terms {
  priority: Priority;
  timeoutMs: number;
}

/**
 * Reads priority and deadline from the headers. It also runs before validation, so invalid values count as absent.
 * @throws ServiceError deadline_exceeded when the client's time limit passed while the request was received
 */
export function termsOf(
  { headers }: { headers: IncomingHttpHeaders },
  { config, images, elapsedMs }: { config: HttpConfig; images: number; elapsedMs: number },
): Terms {
  const { requestTimeoutMs } = config;
  const named = headers['x-request-priority'];
  const priority = named === 'probe' || named === 'interactive' || named === 'bulk' ? named : priorityOf(images);
  const asked = askedTimeoutMs(headers);
  // the client's limit counts from its first byte; the service's own limit excludes the time of a slow upload
  const timeoutMs = asked ? Math.min(asked, requestTimeoutMs) - elapsedMs : requestTimeoutMs;
  if (asked && timeoutMs <= 0) throw deadlinePassed.whileReceived(asked);
  return { priority, timeoutMs };
}

/** The client's time limit in milliseconds; undefined if its header is absent, or has a value that validation refuses. */
export function askedTimeoutMs(headers: IncomingHttpHeaders): number | undefined {
  const asked = Number(headers['x-request-timeout-ms']);
  return Number.isInteger(asked) && asked >= 1 && asked <= MAX_TIMEOUT_MS ? asked : undefined;
}

/** Refuses before the body is read whatever the engine would refuse anyway, so that a flood costs headers only. */
export function refuseEarly(request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void): void {
  const { config, engine, metrics } = request.server;
  try {
    const { tenant = 'demo' } = request.query as Partial<DetectQuery>;
    engine.check({ tenant, ...termsOf(request, { config, images: 1, elapsedMs: reply.elapsedTime }), images: 1 });
  } catch (error) {
    if (error instanceof ServiceError) metrics.imagesRejected.inc({ reason: error.code });
    done(error as Error);
    return;
  }
  done();
}
