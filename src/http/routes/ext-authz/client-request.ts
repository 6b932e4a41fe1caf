import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyRequest } from 'fastify';
import { ServiceError } from '../../../errors/index.ts';

export const PREFIX = '/v1/ext-authz';

/** The request of a proxy's client, as the proxy describes it. */
export interface ClientRequest {
  method: string;
  /** Path and query. */
  target: string;
  headers: IncomingHttpHeaders;
  /** All headers, to detect repeated ones. */
  rawHeaders: readonly string[];
  body: Buffer;
  /** Length of the client's body, where the proxy says it, bytes. */
  announced: number | undefined;
  /** Whether the proxy names the method; otherwise it is that of its own question. */
  methodKnown: boolean;
  /** The reason why `body` is not what the client sent. */
  altered?: string | undefined;
  /** Address of the client, or of the proxy. */
  address: string | undefined;
}

/** Lengths of the client's body that proxies forward under these names, because Content-Length is that of the question itself. */
const LENGTHS = ['x-original-content-length', 'x-forwarded-content-length'];

/** A header that names the client's request. @throws ServiceError invalid_request if there are several */
function single({ headers, raw }: FastifyRequest, name: string): string | undefined {
  const times = raw.rawHeaders.filter((header, i) => i % 2 === 0 && header.toLowerCase() === name).length;
  if (times > 1) throw new ServiceError('invalid_request', `The question has several headers ${name}.`);
  const value = headers[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Zero is no length of the client's body: proxies that forward no body send it as that of their question. */
function announcedLength(headers: IncomingHttpHeaders): number | undefined {
  const forwarded = LENGTHS.map((name) => headers[name]).find((value) => /^\d+$/.test(String(value)));
  return forwarded === undefined ? Number(headers['content-length']) || undefined : Number(forwarded);
}

/**
 * The client's request as a proxy describes it over HTTP. Envoy appends the client's path to the prefix, and asks with the
 * client's method. Traefik, Caddy and nginx ask for the prefix alone, and name both in X-Forwarded-Method and X-Forwarded-Uri.
 * Behind the prefix these headers are not read, because Envoy may forward them from its client.
 * @param body where Fastify has not read it
 * @throws ServiceError invalid_request
 */
export function clientRequest(request: FastifyRequest, body: unknown = request.body): ClientRequest {
  const { originalUrl: url, headers, raw, ip } = request;
  const bytes = Buffer.isBuffer(body) ? body : Buffer.alloc(0);
  const bare = url === PREFIX || url.startsWith(`${PREFIX}?`);
  const method = bare ? single(request, 'x-forwarded-method')?.toUpperCase() : request.method;
  const uri = bare ? (single(request, 'x-forwarded-uri') ?? '/') : url.slice(PREFIX.length);
  return {
    method: method ?? request.method,
    target: uri,
    headers,
    rawHeaders: raw.rawHeaders,
    body: bytes,
    announced: announcedLength(headers),
    methodKnown: method !== undefined,
    address: ip,
  };
}
