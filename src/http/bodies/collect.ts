import type { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { ServiceError } from '../../errors/index.ts';
import { stopDecoding, unreadable } from './coding.ts';

/** Inspects a body while it arrives; a returned error refuses the body. */
export type Watch = (chunk: Buffer) => ServiceError | undefined;

const EMPTY = Buffer.alloc(0);

/** Bytes that are reserved at first for a request without a length. */
const FIRST_BYTES = 64 * 1024;

/**
 * Collects a body into one buffer. The rest of a refused body is dropped when it arrives (`linger.ts`).
 * @param most largest accepted body in bytes, where the route's limit is below that of all requests
 * @throws ServiceError payload_too_large, invalid_request (another length than announced), overloaded, errors of `watch`
 */
export function collect(
  request: FastifyRequest,
  payload: Readable,
  { watch, most = Number.POSITIVE_INFINITY }: { watch?: Watch; most?: number } = {},
): Promise<Buffer> {
  const bodyLimit = Math.min(request.routeOptions.bodyLimit, most);
  const sent = lengthOf(request);
  if (sent !== undefined && sent > bodyLimit) return Promise.reject(tooLarge(bodyLimit));
  const announced = request.encoded ? undefined : sent;
  return new Promise((resolve, reject) => {
    let body: Buffer = EMPTY;
    let length = 0;
    let over = false;
    const stop = (error: ServiceError) => {
      if (over) return;
      over = true;
      payload.removeListener('data', take).removeListener('end', end);
      body = EMPTY;
      stopDecoding(request, payload);
      reject(error);
    };
    const place = (chunk: Buffer) => {
      if (length === 0) body = Buffer.allocUnsafe(announced ?? FIRST_BYTES);
      if (length + chunk.length > body.length) {
        const size = Math.min(bodyLimit, 2 * (length + chunk.length));
        request.reservation?.grow(size - body.length);
        body = grown(body.subarray(0, length), size);
      }
      chunk.copy(body, length);
    };
    const take = (chunk: Buffer) => {
      try {
        if (length + chunk.length > bodyLimit) throw tooLarge(bodyLimit);
        if (length + chunk.length > (announced ?? Number.POSITIVE_INFINITY)) throw wrongLength();
        const refused = watch?.(chunk);
        if (refused) throw refused;
        // a body that arrives at once is not copied: the parser of the connection has made the chunk for it alone
        if (length === 0 && chunk.length === announced) body = chunk;
        else place(chunk);
        length += chunk.length;
      } catch (error) {
        stop(error as ServiceError);
      }
    };
    const end = () => {
      over = true;
      if (announced !== undefined && length !== announced) reject(wrongLength());
      else resolve(body.subarray(0, length));
    };
    payload.on('data', take).on('end', end);
    payload.on('error', (error) => stop(unreadable(request, error)));
    payload.on('close', () => {
      // closed before the end: the client has disconnected, and no more bytes will arrive
      if (!over) reject(unreadable(request, 'closed'));
      over = true;
    });
  });
}

function grown(bytes: Buffer, size: number): Buffer {
  const more = Buffer.allocUnsafe(size);
  bytes.copy(more);
  return more;
}

export function lengthOf({ headers }: FastifyRequest): number | undefined {
  const length = headers['content-length'];
  return length === undefined ? undefined : Number(length);
}

export function tooLarge(limit: number): ServiceError {
  return new ServiceError('payload_too_large', `The body of this request may have at most ${limit} bytes.`, {
    extra: { limit },
  });
}

const wrongLength = () => new ServiceError('invalid_request', 'The body does not have the length that was announced.');
