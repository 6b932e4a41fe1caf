import { maxHeaderSize } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { CODES, ServiceError, toProblem } from '../errors/index.ts';
import type { Flood } from '../telemetry/flood.ts';
import { requestId } from './request-id.ts';

/** The error of Node's HTTP parser, or of a connection. */
interface ConnectionError extends Error {
  code?: string;
  rawPacket?: Buffer;
}

/** Longest wait until the client has read the answer and closes, milliseconds. */
const CLOSE_MS = 1000;

/**
 * Answers bytes that are no HTTP request, and requests whose head is too long or too late. No request exists then, so no hook and
 * no route runs; the answer is a problem document like every other, and the connection is closed.
 */
export function answerClientError(flood: Flood) {
  return function answer(this: FastifyInstance, error: Error, socket: Socket): void {
    const { code } = error as ConnectionError;
    if (
      code === 'ECONNRESET' ||
      !socket.writable ||
      (socket as { _httpMessage?: { headersSent?: boolean } })._httpMessage?.headersSent
    ) {
      socket.destroy();
      return;
    }
    const service = faultOf(error as ConnectionError);
    const id = requestId(undefined);
    if (flood.admits(service.code)) {
      this.log.info({ code: service.code, internal: service.internal, request_id: id }, 'request failed');
    }
    this.metrics?.requests.inc({ route: 'unmatched', method: 'none', status: String(service.status) });
    socket.end(head(service, id));
    setTimeout(() => socket.destroy(), CLOSE_MS).unref();
  };
}

function head(service: ServiceError, id: string): string {
  const body = JSON.stringify(toProblem(service, id));
  return [
    `HTTP/1.1 ${service.status} ${CODES[service.code].title}`,
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${id}`,
    'connection: close',
    '',
    body,
  ].join('\r\n');
}

function faultOf({ code, message, rawPacket }: ConnectionError): ServiceError {
  const internal = `${code}: ${message}`;
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new ServiceError('request_timeout', 'The request did not arrive in the time that the service allows.', {
      internal,
    });
  }
  if (code === 'HPE_HEADER_OVERFLOW') {
    // the first line is still incomplete where the address itself is too long
    const line = rawPacket?.indexOf('\r\n') ?? 0;
    const inAddress = line < 0 || line > 8192;
    const most = `may have at most ${maxHeaderSize} bytes`;
    return inAddress
      ? new ServiceError('uri_too_long', `The address and the header fields of a request ${most} together.`, {
          internal,
        })
      : new ServiceError('headers_too_large', `The header fields of a request ${most} together.`, { internal });
  }
  if (rawPacket?.[0] === 0x16 && rawPacket[1] === 0x03) {
    return new ServiceError(
      'invalid_request',
      'This port speaks HTTP, and the client began with TLS; use http:// instead of https://.',
      { internal },
    );
  }
  return new ServiceError('invalid_request', 'The bytes of this connection are not a valid HTTP/1.1 request.', {
    internal,
  });
}
