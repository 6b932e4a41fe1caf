import type { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { linger } from '../../linger.ts';
import { BodyBudget, type Reservation } from '../bodies/budget.ts';
import { codingOf, decoded } from '../bodies/coding.ts';
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

/** Bytes to reserve for a body of unknown size; it reserves more as it grows. */
const FIRST_BYTES = 64 * 1024;

/** Decodes content codings, and bounds request bodies: each one by its route's limit, all together by a budget. */
export const bodiesPlugin = fp(async (app) => {
  const { maxBodyBytes, maxBodiesBytes } = app.config;
  const budget = new BodyBudget(Math.max(maxBodyBytes, maxBodiesBytes));
  app.decorate('bodyBudget', budget);
  app.decorateRequest('reservation');
  app.decorateRequest('encoded');
  app.removeContentTypeParser(['application/json', 'text/plain']);
  app.addContentTypeParser('application/json', jsonParser(app));

  // whichever error handler answers
  app.addHook('onSend', (request, _reply, _payload, done) => {
    if (!request.raw.complete) linger(request.raw);
    done();
  });

  app.addHook('preParsing', (request, reply, payload, done) => {
    let body = payload as Readable;
    try {
      const bytes = expected(request);
      if (bytes > 0) {
        const reservation = budget.reserve(bytes);
        request.reservation = reservation;
        reply.raw.once('close', () => reservation.release());
        body = decoded(request, reply, body);
      }
    } catch (error) {
      done(error as Error);
      return;
    }
    done(null, body);
  });

  /** Bytes to reserve before the first byte: the announced length, or a first portion if the size is not known. */
  function expected(request: FastifyRequest): number {
    const length = lengthOf(request);
    if (length === 0 || (length === undefined && request.headers['transfer-encoding'] === undefined)) return 0;
    return length === undefined || codingOf(request) !== undefined ? FIRST_BYTES : Math.min(length, maxBodyBytes);
  }
});
