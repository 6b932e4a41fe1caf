import type { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { ServiceError } from '../../errors/index.ts';
import { sniff } from '../../images/format.ts';
import { refusedFormat } from '../../images/refused.ts';
import { collect } from './collect.ts';

/** Beginning of a body that decides what it is, bytes. */
const HEAD = 1024;
const FORM = 'application/x-www-form-urlencoded';

/**
 * Takes a body of any other content type, or of none, if its beginning is that of an image: many clients send another type than
 * they mean, and curl's own is that of a form. Anything else is refused on arrival.
 * @throws ServiceError unsupported_media_type, invalid_request (an image that curl changed), errors of `collect`
 */
export async function sniffedParser(request: FastifyRequest, payload: Readable): Promise<Buffer> {
  let head = Buffer.alloc(0);
  const watch = (chunk: Buffer) => {
    if (head.length >= HEAD) return undefined;
    head = Buffer.concat([head, chunk.subarray(0, HEAD - head.length)]);
    return head.length < HEAD ? undefined : fault(head, request);
  };
  const body = await collect(request, payload, { watch, most: request.server.config.maxImageBytes });
  const refused = fault(head, request) ?? strippedFault(body, request);
  if (refused) throw refused;
  return body;
}

const typeOf = ({ headers }: FastifyRequest) => headers['content-type']?.split(';')[0]?.trim().toLowerCase() ?? '';

function fault(head: Buffer, request: FastifyRequest): ServiceError | undefined {
  if (head.length === 0 || sniff(head) || refusedFormat(head)) return undefined;
  if (isStripped(head)) return changed();
  const sent = typeOf(request);
  const named = sent === '' ? 'The body has no content type' : `The content type is ${sent.slice(0, 100)}`;
  const advice = /^\s*[[{]/.test(head.toString('latin1', 0, 64))
    ? "The body looks like JSON: add the header Content-Type: application/json (curl -H 'Content-Type: application/json')."
    : 'Send one image as image/* or application/octet-stream, files as multipart/form-data, or application/json. With ' +
      "curl: -H 'Content-Type: application/octet-stream' --data-binary @photo.jpg, or -F file=@photo.jpg.";
  return new ServiceError(
    'unsupported_media_type',
    `${named}, and the body is not an image in a known format. ${advice}`,
  );
}

/** Shortest image file that must have line breaks or null bytes, bytes. */
const SHORTEST = 128;

/** `curl -d @file` removes line breaks and null bytes, of which every image file has some. */
function strippedFault(body: Buffer, request: FastifyRequest): ServiceError | undefined {
  if (typeOf(request) !== FORM || body.length < SHORTEST) return undefined;
  return [0, 10, 13].some((byte) => body.includes(byte)) ? undefined : changed();
}

/** The signature of PNG without its line breaks. */
const isStripped = (head: Buffer) => head.toString('latin1', 0, 5) === '\x89PNG\x1a';

const changed = () =>
  new ServiceError(
    'invalid_request',
    'The image has lost its line breaks and null bytes. curl -d removes them; use --data-binary @photo.jpg instead.',
  );
