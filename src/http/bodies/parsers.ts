import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ServiceError } from '../../errors/index.ts';
import { collect, type Watch } from './collect.ts';
import { JsonScanner, MOST_DEPTH } from './json-scanner.ts';
import { checkCharset, textOfJson } from './json-text.ts';

/** Most values in the JSON body of an ordinary request. */
const FEW_VALUES = 1000;
/** Most bytes of a text in it: names and templates have at most 512 characters, and an escaped character has six bytes. */
const FEW_BYTES = 4096;

/** Most JSON values of a request with images. An image is an object of two members; some protocols wrap it in more. */
export const valuesOfImages = (maxImages: number): number => 16 * maxImages + 256;

/** Most JSON values of a tenant: an object, a name and a list for each class, and the fields of the tenant. */
export const valuesOfClasses = (maxClasses: number): number => 4 * maxClasses + 1024;

/** Refuses JSON while it arrives, if it has more than `most` values or is nested too deeply. */
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
    return new ServiceError('invalid_request', `The JSON has more values than the accepted ${most}.`, {
      extra: { limit: most },
    });
  };
}

/** Keeps the body as bytes. */
export const bytesParser = (request: FastifyRequest, payload: Readable) => collect(request, payload);

/** Keeps an image as bytes; refuses it on arrival once it exceeds the limit of an image. */
export const imageParser = (request: FastifyRequest, payload: Readable) =>
  collect(request, payload, { most: request.server.config.maxImageBytes });

/** Parses JSON after its values are counted; `config.jsonValues` of the route is the limit. */
export function jsonParser(app: FastifyInstance) {
  const parse = app.getDefaultJsonParser('error', 'error');
  return async (request: FastifyRequest, payload: Readable) => {
    checkCharset(request.headers['content-type']);
    const { jsonValues = FEW_VALUES, jsonText = FEW_BYTES } = request.routeOptions.config;
    const text = textOfJson(await collect(request, payload, { watch: watchJson(jsonValues, jsonText) }));
    return new Promise((resolve, reject) =>
      parse(request, text, (error, value) => (error ? reject(error) : resolve(value))),
    );
  };
}
