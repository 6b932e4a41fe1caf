import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { linger } from '../../linger.ts';
import { BodyBudget, type Reservation } from '../bodies/budget.ts';
import { lengthOf } from '../bodies/collect.ts';
import { jsonParser } from '../bodies/parsers.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Reserved memory of the body; undefined if there is no body. */
    reservation: Reservation | undefined;
  }
  interface FastifyInstance {
    /** Bounds the bodies of all requests together. */
    bodyBudget: BodyBudget;
  }
  interface FastifyContextConfig {
    /** Most values of the route's JSON body. */
    jsonValues?: number;
    /** Most bytes of a text in it. */
    jsonText?: number;
  }
}

/** Bounds request bodies: each one by its route's limit, all together by a budget. */
export const bodiesPlugin = fp(async (app) => {
  const { maxBodyBytes, maxBodiesBytes, maxImageBytes } = app.config;
  const budget = new BodyBudget(Math.max(maxBodyBytes, maxBodiesBytes));
  app.decorate('bodyBudget', budget);
  app.decorateRequest('reservation');
  app.removeContentTypeParser(['application/json', 'text/plain']);
  app.addContentTypeParser('application/json', jsonParser(app));

  // whichever error handler answers
  app.addHook('onSend', (request, _reply, _payload, done) => {
    if (!request.raw.complete) linger(request.raw);
    done();
  });

  app.addHook('preParsing', (request, reply, _payload, done) => {
    try {
      const bytes = expected(request);
      if (bytes > 0) {
        const reservation = budget.reserve(bytes);
        request.reservation = reservation;
        reply.raw.once('close', () => reservation.release());
      }
    } catch (error) {
      done(error as Error);
      return;
    }
    done();
  });

  /** Bytes to reserve before the first byte: the announced length, or a first portion if none is announced. */
  function expected(request: FastifyRequest): number {
    const length = lengthOf(request);
    if (length !== undefined) return Math.min(length, maxBodyBytes);
    if (request.headers['transfer-encoding'] === undefined) return 0;
    // the form parser delivers whole files
    return request.isMultipart?.() ? maxImageBytes : 64 * 1024;
  }
});
