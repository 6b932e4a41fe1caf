import type { IncomingMessage, ServerResponse } from 'node:http';
import { IDEMPOTENT } from '../methods.ts';
import type { Departure } from './departure.ts';
import { pairs, responseHeaders } from './headers.ts';
import { type OpenedRequest, type RequestHead, type Upstream, UpstreamError } from './upstream.ts';

/** The body after the head: none, bytes, or the client's stream, preceded by the bytes that were already read. */
export type Body =
  | { kind: 'none' }
  | { kind: 'bytes'; bytes: Buffer; trailers: string[] }
  | { kind: 'stream'; request: IncomingMessage; prefix?: Buffer };

export interface Sending {
  upstream: Upstream;
  head: RequestHead;
  body: Body;
  /** Receives the upstream's 1xx answers. */
  response: ServerResponse;
  /** Whether the request may be repeated, whatever its method. */
  idempotent?: boolean;
  client: Departure;
}

/**
 * Forwards a request and resolves with the head of the answer. Repeats it if that is safe: nothing was sent, or the request is
 * idempotent; its body is still in memory; and no byte of an answer has arrived.
 * @throws UpstreamError
 */
export async function exchange(sending: Sending): Promise<{ answer: IncomingMessage; opened: OpenedRequest }> {
  const { upstream, head, body, client } = sending;
  const repeatable = body.kind !== 'stream';
  const idempotent = sending.idempotent === true || IDEMPOTENT.has(head.method);
  for (let left = upstream.settings.retries; ; left--) {
    const opened = upstream.open(head);
    client.onGone(() => opened.request.destroy());
    try {
      relayInformation(opened, sending.response);
      write(opened, body);
      return { answer: await opened.answer, opened };
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error;
      const safe = error.untouched || (idempotent && error.reason === 'closed');
      if (left <= 0 || !repeatable || !safe || client.gone) throw error;
    }
  }
}

function write({ request }: OpenedRequest, body: Body): void {
  if (body.kind === 'none') {
    request.end();
    return;
  }
  if (body.kind === 'bytes') {
    if (body.trailers.length > 0) request.addTrailers(pairs(body.trailers));
    request.end(body.bytes);
    return;
  }
  const { request: client, prefix } = body;
  // the head is sent with the first bytes of the body, or alone after a turn: an Expect is answered before there are any
  setImmediate(() => request.destroyed || request.flushHeaders());
  if (prefix && prefix.length > 0) request.write(prefix);
  const onEnd = () => {
    if (client.rawTrailers.length > 0) request.addTrailers(pairs(client.rawTrailers));
    request.end();
  };
  if (client.readableEnded) onEnd();
  else client.once('end', onEnd).pipe(request, { end: false });
  request.once('close', () => client.unpipe(request).off('end', onEnd));
}

function relayInformation({ request }: OpenedRequest, response: ServerResponse): void {
  request.on('continue', () => {
    if (!response.headersSent) response.writeContinue();
  });
  request.on('information', ({ statusCode, rawHeaders }) => {
    if (response.headersSent || response.req.httpVersionMinor === 0) return;
    if (statusCode === 102) response.writeProcessing();
    if (statusCode === 103) {
      const link = pairs(rawHeaders).flatMap(([name, value]) => (name.toLowerCase() === 'link' ? [value] : []));
      if (link.length > 0) response.writeEarlyHints({ link });
    }
  });
}

/** Relays the answer as a stream. If the upstream cuts it short, so does the gate, to show that it is incomplete. */
export function relay(
  { answer, opened }: { answer: IncomingMessage; opened: OpenedRequest },
  response: ServerResponse,
  { extra, idleTimeoutMs }: { extra: [string, string][]; idleTimeoutMs: number },
): void {
  const old = response.req.httpVersionMinor === 0;
  response.sendDate = false;
  const without = old ? new Set(['trailer']) : undefined;
  response.writeHead(answer.statusCode as number, answer.statusMessage, responseHeaders(answer, extra, without));
  const cut = () => {
    opened.request.destroy();
    response.destroy();
  };
  answer.setTimeout(idleTimeoutMs, cut);
  answer.once('error', cut);
  answer.once('end', () => {
    if (answer.rawTrailers.length > 0) response.addTrailers(pairs(answer.rawTrailers));
    response.end();
  });
  answer.on('data', (chunk: Buffer) => {
    if (response.write(chunk)) return;
    answer.pause();
    response.once('drain', () => answer.resume());
  });
}
