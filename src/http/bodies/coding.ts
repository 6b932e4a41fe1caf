import { type Readable, Transform, type TransformCallback } from 'node:stream';
import * as zlib from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { defined } from '../../defined.ts';
import { ServiceError } from '../../errors/index.ts';
import { HAS_ZSTD } from '../../zstd.ts';

/** Largest window of a zstd body, as RFC 9659 sets it for HTTP: 8 MiB. A larger one would let a few bytes take much memory. */
const ZSTD_WINDOW_LOG = 23;

type Zstd = { createZstdDecompress?: (options: object) => Transform; constants: Record<string, number> };
// elsewhere zstd is refused by name
const { createZstdDecompress, constants }: Zstd = zlib;
const windowLog = constants['ZSTD_d_windowLogMax'];

const DECODERS: Record<string, () => Transform> = {
  gzip: () => zlib.createGunzip(),
  'x-gzip': () => zlib.createGunzip(),
  deflate: () => new Inflate(),
  br: () => zlib.createBrotliDecompress(),
  ...defined({
    zstd:
      HAS_ZSTD && createZstdDecompress && windowLog !== undefined
        ? () => createZstdDecompress({ params: { [windowLog]: ZSTD_WINDOW_LOG } })
        : undefined,
  }),
};

/** Content codings that are decoded, for the field Accept-Encoding of a refusal. */
export const CODINGS = Object.keys(DECODERS).filter((coding) => !coding.startsWith('x-'));

/** `deflate` is deflated data in a zlib wrapper (RFC 9110); some clients leave the wrapper out. */
class Inflate extends Transform {
  #inner: Transform | undefined;

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#inner ??= this.#open(chunk[0] as number);
    this.#inner.write(chunk, () => done());
  }

  override _flush(done: TransformCallback): void {
    if (this.#inner) this.#inner.once('end', () => done()).end();
    else done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#inner?.destroy();
    done(error);
  }

  /** @param first the low four bits of a zlib wrapper are 8 (RFC 1950); no deflated block begins like that (RFC 1951) */
  #open(first: number): Transform {
    const inner: Transform = (first & 15) === 8 ? zlib.createInflate() : zlib.createInflateRaw();
    inner.on('data', (chunk) => this.push(chunk)).on('error', (error) => this.destroy(error));
    return inner;
  }
}

/** The content coding that is to be decoded; undefined for none, and on routes that take bodies as they are sent. */
export function codingOf({ headers, routeOptions }: FastifyRequest): string | undefined {
  if (routeOptions.config.keepsCoding) return undefined;
  const coding = headers['content-encoding']?.trim().toLowerCase();
  return coding === '' || coding === 'identity' ? undefined : coding;
}

/**
 * Decodes a body while it arrives. The parser of the body bounds the decoded bytes, and `stopDecoding` ends the work at the limit.
 * @returns the payload itself where it has no content coding
 * @throws ServiceError unsupported_media_type for another coding, or several
 */
export function decoded(request: FastifyRequest, reply: FastifyReply, payload: Readable): Readable {
  const coding = codingOf(request);
  if (coding === undefined) return payload;
  const open = Object.hasOwn(DECODERS, coding) ? DECODERS[coding] : undefined;
  if (!open) {
    reply.header('accept-encoding', CODINGS.join(', '));
    const named = coding.slice(0, 40).replace(/[^\x20-\x7e]/g, '?');
    throw new ServiceError(
      'unsupported_media_type',
      `The content coding "${named}" is not accepted. Send the body as it is, or with one of ${CODINGS.join(', ')}.`,
      { extra: { accepted: CODINGS } },
    );
  }
  const decoder = open();
  request.encoded = payload;
  payload.once('error', (error) => decoder.destroy(error));
  payload.once('close', () => {
    if (!payload.readableEnded) decoder.destroy();
  });
  // a body may be damaged before anything reads it; its reader finds the error in `errored`
  decoder.on('error', () => {});
  payload.pipe(decoder);
  // without this a request that is answered early would keep the connection waiting for its decoder
  reply.raw.once('finish', () => stopDecoding(request, decoder).resume());
  return decoder;
}

/** Ends the decoding of a refused body. @returns the stream whose rest is to be dropped */
export function stopDecoding({ encoded }: FastifyRequest, payload: Readable): Readable {
  if (!encoded) return payload;
  encoded.unpipe();
  payload.destroy();
  return encoded;
}

/** The error of a body that ends or fails before its end. */
export function unreadable(request: FastifyRequest, reason: unknown): ServiceError {
  const ofCoding = request.encoded !== undefined && !request.encoded.errored && reason instanceof Error;
  const detail = ofCoding
    ? `The body is not complete and valid data of the content coding ${codingOf(request)}.`
    : 'The body could not be read to its end.';
  return new ServiceError('invalid_request', detail, { internal: String(reason) });
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The body as it arrives, where a content coding of it is decoded. */
    encoded: Readable | undefined;
  }
  interface FastifyContextConfig {
    /** Bodies reach the route with their content coding. */
    keepsCoding?: boolean;
  }
}
