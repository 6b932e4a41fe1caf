import type { IncomingMessage, ServerResponse } from 'node:http';
import { ended, failed } from './forward.ts';
import { exchange, relay, type Sending } from './proxy/exchange.ts';
import { responseHeaders } from './proxy/headers.ts';
import { UpstreamError } from './proxy/upstream.ts';
import type { GateUpstreamCall } from './seams.ts';

/** Largest answer that can get placeholders, bytes. */
const MAX_ANSWER = 64 * 2 ** 20;
const REPLACED = new Set(['content-length', 'content-md5', 'etag', 'digest', 'trailer']);

/**
 * Forwards the rest of a batch and adds placeholders to the answer. Error answers pass unchanged. A successful answer that
 * cannot get placeholders becomes an error, because every prediction after the gap would be assigned to another instance.
 */
export async function filtered(
  sending: Sending & { response: ServerResponse; call: GateUpstreamCall | undefined },
  restore: (answer: Buffer) => Buffer,
  extra: [string, string][],
): Promise<void> {
  const { response, upstream, call } = sending;
  const answered = await exchange(sending).catch((error) => {
    failed(call, error);
    throw error;
  });
  const { answer, opened } = answered;
  ended(call, answer);
  const { idleTimeoutMs } = upstream.settings;
  const { statusCode: status = 0 } = answer;
  if (status < 200 || status > 299 || status === 204) return relay(answered, response, { extra, idleTimeoutMs });
  answer.setTimeout(idleTimeoutMs, () => opened.request.destroy());
  let body: Buffer;
  try {
    if (answer.headers['content-encoding'] !== undefined)
      throw new Error('it is compressed, although the request does not allow that');
    body = restore(await readAnswer(answer));
  } catch (error) {
    opened.request.destroy();
    throw new UpstreamError('malformed', false, error);
  }
  if (response.destroyed) return;
  response.sendDate = false;
  response.writeHead(status, answer.statusMessage, [
    ...responseHeaders(answer, extra, REPLACED),
    'Content-Length',
    String(body.length),
  ]);
  response.end(body);
}

async function readAnswer(answer: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_ANSWER) throw new Error(`it is larger than ${MAX_ANSWER} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
