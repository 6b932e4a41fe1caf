import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ServiceError } from '../../errors/index.ts';
import { collect, type Watch } from './collect.ts';
import { JsonScanner, MOST_DEPTH } from './json-scanner.ts';

/** Values that the JSON body of an ordinary request may have. */
const FEW_VALUES = 1000;

/** Most values of the JSON of a request with images: each is an object of two members, and some of the protocols put more around it. */
export const valuesOfImages = (maxImages: number): number => 16 * maxImages + 256;

/** Most values of the JSON of a tenant: an object, a name and a list for each class, and what belongs to the whole. */
export const valuesOfClasses = (maxClasses: number): number => 4 * maxClasses + 1024;

/** Refuses JSON that would become more values than `most`, or nested too deeply, while it arrives. */
export function watchJson(most: number): Watch {
  const scanner = new JsonScanner(most);
  return (chunk) => {
    const excess = scanner.write(chunk);
    if (excess === undefined) return undefined;
    if (excess === 'depth') {
      return new ServiceError('invalid_request', `The JSON is nested more than ${MOST_DEPTH} levels deep.`);
    }
    return new ServiceError('invalid_request', `The JSON has more values than the ${most} that are read.`, {
      extra: { limit: most },
    });
  };
}

/** The body as it is. */
export const bytesParser = (request: FastifyRequest, payload: NodeJS.ReadableStream) => collect(request, payload);

/** JSON, counted before it is built; `config.jsonValues` of the route says how much of it there may be. */
export function jsonParser(app: FastifyInstance) {
  const parse = app.getDefaultJsonParser('error', 'error');
  return async (request: FastifyRequest, payload: NodeJS.ReadableStream) => {
    const { jsonValues = FEW_VALUES } = request.routeOptions.config;
    const text = (await collect(request, payload, watchJson(jsonValues))).toString('utf8');
    return new Promise((resolve, reject) =>
      parse(request, text, (error, value) => (error ? reject(error) : resolve(value))),
    );
  };
}
