import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ReadBody } from './proxy/body.ts';
import type { Departure } from './proxy/departure.ts';
import { type Body, exchange, relay } from './proxy/exchange.ts';
import { requestHeaders } from './proxy/headers.ts';
import { type Upstream, UpstreamError } from './proxy/upstream.ts';
import type { Runtime } from './runtime.ts';
import type { GateTrace, GateUpstreamCall } from './seams.ts';

/** One request of a client's on its way through. */
export interface Passage {
  runtime: Runtime;
  request: IncomingMessage;
  response: ServerResponse;
  target: string;
  client: Departure;
  /** Undefined: the request belongs to no trace. */
  trace?: GateTrace | undefined;
}

/** Fields that the gate has answered itself. */
const ANSWERED = new Set(['expect']);
/** Fields of a trace, where it goes on with a span of the gate's. */
export const TRACE_FIELDS = ['traceparent', 'tracestate'];

interface ForwardOptions {
  upstream?: Upstream;
  /** Further fields for the upstream, and for the client. */
  extra?: [string, string][];
  answerExtra?: [string, string][];
  idempotent?: boolean;
  /** The client has been told to go on: the upstream need not. */
  continued?: boolean;
  /** Settles with the fields for the client when the answer may go to it; undefined when it must not. */
  allowed?: Promise<[string, string][] | undefined>;
}

/** Sends a request on as it came, and its answer back. Rejects with UpstreamError. */
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

/** The call lasts until the last byte of its answer. */
export function ended(call: GateUpstreamCall | undefined, answer: IncomingMessage): void {
  if (!call) return;
  const status = answer.statusCode as number;
  answer.once('end', () => call.end({ status })).once('close', () => call.end({ error: 'cut' }));
}

export function failed(call: GateUpstreamCall | undefined, error: unknown): void {
  call?.end({ error: error instanceof UpstreamError ? error.reason : 'error' });
}

/** What the client is sending, not looked at. */
export function streamOf(request: IncomingMessage): Body {
  const { headers } = request;
  const none = headers['content-length'] === undefined && headers['transfer-encoding'] === undefined;
  return none ? { kind: 'none' } : { kind: 'stream', request };
}

/** What was read of it, whole. */
export function bytesOf(request: IncomingMessage, body: ReadBody): Body {
  return { kind: 'bytes', bytes: body.bytes, trailers: request.rawTrailers };
}

/** Node would announce chunks for a POST that has no body. */
function withoutBody(body: Body, { method, headers }: IncomingMessage, fields: string[]): void {
  const framed = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
  if (!framed && body.kind !== 'stream' && !/^(?:GET|HEAD|DELETE|OPTIONS|TRACE)$/.test(method as string))
    fields.push('Content-Length', '0');
}
