import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ServiceError } from '../../errors/index.ts';
import { collect, type Watch } from './collect.ts';
import { JsonScanner, MOST_DEPTH } from './json-scanner.ts';

/** Values that the JSON body of an ordinary request may have. */
const FEW_VALUES = 1000;
/** Bytes that a text in it may have: names and templates have 512 characters at most, and escapes make six bytes of one. */
const FEW_BYTES = 4096;

/** Most values of the JSON of a request with images: each is an object of two members, and some of the protocols put more around it. */
export const valuesOfImages = (maxImages: number): number => 16 * maxImages + 256;

/** Most values of the JSON of a tenant: an object, a name and a list for each class, and what belongs to the whole. */
export const valuesOfClasses = (maxClasses: number): number => 4 * maxClasses + 1024;

/** Refuses JSON that would become more values than `most`, or nested too deeply, while it arrives. */
export function watchJson(most: number, maxText?: number): Watch {
  const scanner = new JsonScanner(most, maxText);
  return (chunk) => {
    const excess = scanner.write(chunk);
    if (excess === undefined) return undefined;
    if (excess === 'text')
      return new ServiceError('invalid_request', `A text in the JSON has more than ${maxText} bytes.`);
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
/** An image as it is: one that is larger than images may be is refused before it is there. */
export const imageParser = (request: FastifyRequest, payload: NodeJS.ReadableStream) =>
  collect(request, payload, { most: request.server.config.maxImageBytes });

export function jsonParser(app: FastifyInstance) {
  const parse = app.getDefaultJsonParser('error', 'error');
  return async (request: FastifyRequest, payload: NodeJS.ReadableStream) => {
    const { jsonValues = FEW_VALUES, jsonText = FEW_BYTES } = request.routeOptions.config;
    const text = (await collect(request, payload, { watch: watchJson(jsonValues, jsonText) })).toString('utf8');
    return new Promise((resolve, reject) =>
      parse(request, text, (error, value) => (error ? reject(error) : resolve(value))),
    );
  };
}
