import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { BodyBudget, type Reservation } from '../bodies/budget.ts';
import { lengthOf } from '../bodies/collect.ts';
import { jsonParser } from '../bodies/parsers.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Memory for the body; undefined where there is none. */
    reservation: Reservation | undefined;
  }
  interface FastifyContextConfig {
    /** Most values of the route's JSON body. */
    jsonValues?: number;
    /** Most bytes of a text in it. */
    jsonText?: number;
  }
}

/** Bodies are read within bounds: those of one request by its route, those of all together by a budget. */
export const bodiesPlugin = fp(async (app) => {
  const { maxBodyBytes, maxBodiesBytes, maxImageBytes } = app.config;
  const budget = new BodyBudget(Math.max(maxBodyBytes, maxBodiesBytes));
  app.decorateRequest('reservation');
  app.removeContentTypeParser(['application/json', 'text/plain']);
  app.addContentTypeParser('application/json', jsonParser(app));

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

  /** What is taken before the first byte: the length, or where none is announced what a first look takes. */
  function expected(request: FastifyRequest): number {
    const length = lengthOf(request);
    if (length !== undefined) return Math.min(length, maxBodyBytes);
    if (request.headers['transfer-encoding'] === undefined) return 0;
    // the form's parser hands over whole files
    return request.isMultipart?.() ? maxImageBytes : 64 * 1024;
  }
});
