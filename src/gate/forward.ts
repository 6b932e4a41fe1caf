import type { IncomingMessage, ServerResponse } from 'node:http';
import { USUALLY_EMPTY } from './methods.ts';
import type { ReadBody } from './proxy/body.ts';
import type { Departure } from './proxy/departure.ts';
import { type Body, exchange, relay } from './proxy/exchange.ts';
import { requestHeaders } from './proxy/headers.ts';
import { type Upstream, UpstreamError } from './proxy/upstream.ts';
import type { Runtime } from './runtime.ts';
import type { GateTrace, GateUpstreamCall } from './seams.ts';

/** One request of a client that is forwarded. */
export interface Passage {
  runtime: Runtime;
  request: IncomingMessage;
  response: ServerResponse;
  target: string;
  client: Departure;
  /** Undefined if the request belongs to no trace. */
  trace?: GateTrace | undefined;
}

/** Fields that the gate answers itself. */
const ANSWERED = new Set(['expect']);
/** Fields of a trace, which are replaced if the gate adds a span. */
export const TRACE_FIELDS = ['traceparent', 'tracestate'];

interface ForwardOptions {
  upstream?: Upstream;
  /** Additional fields for the upstream, and for the client. */
  extra?: [string, string][];
  answerExtra?: [string, string][];
  idempotent?: boolean;
  /** The gate has sent 100 Continue, so the upstream's is not forwarded. */
  continued?: boolean;
  /** Resolves with fields for the client once the answer may be sent; with undefined if it must not be sent. */
  allowed?: Promise<[string, string][] | undefined>;
}

/** Forwards a request and its answer. Rejects with UpstreamError. */
export async function forward(
  { runtime, request, response, target, client, trace }: Passage,
  body: Body,
  {
    upstream = runtime.upstream,
    extra = [],
    answerExtra = [],
    idempotent = false,
    continued = false,
    allowed,
  }: ForwardOptions = {},
): Promise<void> {
  const call = trace?.upstream();
  const without = call?.headers ? new Set(TRACE_FIELDS) : undefined;
  const headers = requestHeaders(request, {
    forwarded: runtime.settings.forwarded,
    host: upstream.host,
    extra: call?.headers ? [...extra, ...call.headers] : extra,
    without: continued ? new Set([...ANSWERED, ...(without ?? [])]) : without,
  });
  withoutBody(body, request, headers);
  const head = { method: request.method as string, target, headers };
  const sent = exchange({ upstream, head, body, response, idempotent, client });
  sent.then(({ answer }) => ended(call, answer)).catch((error) => failed(call, error));
  const fields = allowed ? await allowed : answerExtra;
  if (fields === undefined) {
    sent.then(({ opened }) => opened.request.destroy()).catch(() => {});
    return;
  }
  const answered = await sent;
  if (response.destroyed) answered.opened.request.destroy();
  else relay(answered, response, { extra: fields, idleTimeoutMs: runtime.upstream.settings.idleTimeoutMs });
}

/** Ends the call with the last byte of the answer. */
export function ended(call: GateUpstreamCall | undefined, answer: IncomingMessage): void {
  if (!call) return;
  const status = answer.statusCode as number;
  answer.once('end', () => call.end({ status })).once('close', () => call.end({ error: 'cut' }));
}

export function failed(call: GateUpstreamCall | undefined, error: unknown): void {
  call?.end({ error: error instanceof UpstreamError ? error.reason : 'error' });
}

/** The body as a stream that is not inspected. */
export function streamOf(request: IncomingMessage): Body {
  const { headers } = request;
  const none = headers['content-length'] === undefined && headers['transfer-encoding'] === undefined;
  return none ? { kind: 'none' } : { kind: 'stream', request };
}

/** The body that was read, as bytes. */
export function bytesOf(request: IncomingMessage, body: ReadBody): Body {
  return { kind: 'bytes', bytes: body.bytes, trailers: request.rawTrailers };
}

/** Removes the body framing that Node would add to a POST without a body. */
function withoutBody(body: Body, { method, headers }: IncomingMessage, fields: string[]): void {
  const framed = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
  if (!framed && body.kind !== 'stream' && !USUALLY_EMPTY.has(method as string)) fields.push('Content-Length', '0');
}
