import type { Readable } from 'node:stream';
import multipart from '@fastify/multipart';
import type { FastifyInstance } from 'fastify';
import { refuseEarly } from '../admission.ts';
import { remoteImages } from '../remote/index.ts';
import { imageParser, valuesOfImages } from './parsers.ts';
import { sniffedParser } from './sniffed.ts';

/** Prepares the scope of a route for `readImages`: forms, raw images and other bodies. */
export async function acceptImages(app: FastifyInstance): Promise<void> {
  for (const type of [/^image\//, 'application/octet-stream', 'binary/octet-stream', 'application/x-image']) {
    app.addContentTypeParser(type, imageParser);
  }
  // the handler reads it, so that a request for an unknown tenant fails before its upload
  app.decorateRequest('unread');
  // The package knows forms and leaves them unread. Its own `parts()` reads the connection, before content codings are undone, and refuses forms for
  // fields that no code reads, so bodies/form.ts reads the decoded payload with the parser of the package.
  await app.register(multipart);
  app.addHook('preParsing', async (request, _reply, payload) => {
    request.unread = payload as Readable;
    return payload;
  });
  app.addContentTypeParser('*', sniffedParser);
}

/** Prepares the scope of a route that takes images: `options` for the route itself, and what fetches images by url. */
export async function imageRoute<A>(app: FastifyInstance, access: A) {
  const { maxBodyBytes, maxImages, imageUrls } = app.config;
  await acceptImages(app);
  return {
    fetchImage: remoteImages(imageUrls, process.env),
    options: {
      config: { access, jsonValues: valuesOfImages(maxImages), jsonText: maxBodyBytes },
      onRequest: refuseEarly,
    },
  };
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The decoded body, which is not read yet if `isMultipart()`. */
    unread: Readable | undefined;
  }
}
