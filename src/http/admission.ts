import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Priority } from '../engine/index.ts';
import { ServiceError } from '../errors/index.ts';
import { priorityOf } from '../serving/detect-images.ts';
import type { HttpConfig } from './decorators.ts';
import type { DetectQuery } from './schemas/detect.ts';

/** How urgent the request is, and how long it may take from now on. */
export interface Terms {
  priority: Priority;
  timeoutMs: number;
}

/**
 * Works before headers are validated as well: what is wrong with them counts as not said.
 * @throws ServiceError deadline_exceeded when the time that the client allows went by while its request was read
 */
export function termsOf(
  { headers }: { headers: IncomingHttpHeaders },
  { config, images, elapsedMs }: { config: HttpConfig; images: number; elapsedMs: number },
): Terms {
  const { requestTimeoutMs } = config;
  const named = headers['x-request-priority'];
  const priority = named === 'probe' || named === 'interactive' || named === 'bulk' ? named : priorityOf(images);
  const asked = Number(headers['x-request-timeout-ms']);
  // the client counts from its first byte; the service's own limit is about its work, not about a slow upload
  const timeoutMs = asked >= 1 ? Math.min(asked, requestTimeoutMs) - elapsedMs : requestTimeoutMs;
  if (timeoutMs <= 0) {
    throw new ServiceError(
      'deadline_exceeded',
      `The request took longer to receive than the ${asked} ms that it allows.`,
    );
  }
  return { priority, timeoutMs };
}

/** Before the body is read: what would be refused anyway is refused now, so that a flood costs headers only. */
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
