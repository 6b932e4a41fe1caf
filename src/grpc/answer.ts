import { Http2ServerResponse, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { FastifyReply } from 'fastify';
import type { ServiceError } from '../errors/index.ts';
import { discardRest } from './rest.ts';
import { encodeMessage, STATUS, statusOf } from './status.ts';

const ACCEPTED = 'identity,deflate,gzip';

/** The types of the shared hooks are those of HTTP/1, but every reply of this application is one of HTTP/2. */
function responseOf(reply: FastifyReply): Http2ServerResponse {
  const raw: object = reply.raw;
  if (!(raw instanceof Http2ServerResponse)) throw new TypeError('the reply is not one of HTTP/2');
  return raw;
}
const streamOf = (reply: FastifyReply): ServerHttp2Stream => responseOf(reply).stream;

/** Fields that the hooks have set on the reply: the request's id, rate limits. HTTP/2 has none about the connection. */
function leading(reply: FastifyReply): OutgoingHttpHeaders {
  const { connection: _, ...fields } = reply.getHeaders() as OutgoingHttpHeaders;
  return { ...fields, 'content-type': 'application/grpc' };
}

/** Answers a call with one message and status OK. */
export function answerMessage(reply: FastifyReply, message: Buffer): void {
  reply.hijack();
  const stream = streamOf(reply);
  if (stream.destroyed || stream.closed) return;
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  discardRest(reply.request.raw, stream);
  responseOf(reply).addTrailers({ 'grpc-status': String(STATUS.OK) });
  stream.respond({ ':status': 200, ...leading(reply), 'grpc-accept-encoding': ACCEPTED }, { waitForTrailers: true });
  stream.end(Buffer.concat([head, message]));
}

/**
 * Answers a call with an error: its status and text, and in the trailing metadata `clipn-code` and `retry-after`. For the log,
 * metrics and traces the reply gets the status that HTTP would have.
 */
export function answerError(reply: FastifyReply, error: ServiceError): void {
  reply.hijack();
  const stream = streamOf(reply);
  if (stream.destroyed || stream.closed) return;
  reply.code(error.status);
  const { retryAfterSeconds } = error;
  discardRest(reply.request.raw, stream);
  stream.respond(
    {
      ':status': 200,
      ...leading(reply),
      'grpc-status': String(statusOf(error.code)),
      'grpc-message': encodeMessage(error.message),
      'clipn-code': error.code,
      'grpc-accept-encoding': ACCEPTED,
      ...(retryAfterSeconds !== undefined && {
        'retry-after': String(retryAfterSeconds),
        'grpc-retry-pushback-ms': String(retryAfterSeconds * 1000),
      }),
    },
    { endStream: true },
  );
}
