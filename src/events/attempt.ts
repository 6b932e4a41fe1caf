import type { IncomingMessage } from 'node:http';
import type { AllowList } from '../outgoing/allow-list.ts';
import { type Resolve, send } from '../outgoing/send.ts';
import { retryAfterMs } from './backoff.ts';
import { signatureOf } from './signature.ts';

/** A batch of events as it is sent. It keeps its id over all attempts, so that a receiver can recognise a repetition. */
export interface EventMessage {
  id: string;
  body: string;
}

/** The result of one attempt. `reason` is for the log. */
export type AttemptResult =
  | { kind: 'delivered' }
  /** The receiver or this service refuses permanently. */
  | { kind: 'refused'; why: 'refused' | 'redirected' | 'not_allowed'; reason: string }
  | { kind: 'failed'; reason: string; retryAfterMs?: number | undefined };

export interface AttemptOptions {
  url: string;
  keys: readonly Buffer[];
  list: AllowList;
  signal: AbortSignal;
  resolve?: Resolve | undefined;
}

/** Statuses by which a receiver says that it will never take this message. All others may pass, such as 404 during a deployment. */
const PERMANENT = new Set([400, 410, 413, 415, 422]);
/** Bytes of an answer that are read; the content of the answer is not used. */
const MOST_ANSWER_BYTES = 65_536;

class AddressRefused extends Error {}

/** Sends a message once. Never rejects. */
export async function attempt({ id, body }: EventMessage, options: AttemptOptions): Promise<AttemptResult> {
  const { url, keys, list, signal, resolve } = options;
  const timestamp = Math.floor(Date.now() / 1000);
  try {
    const response = await send({
      url: new URL(url),
      method: 'POST',
      headers: {
        'content-type': 'application/cloudevents-batch+json; charset=utf-8',
        'content-length': String(Buffer.byteLength(body)),
        'user-agent': 'clipn-gate',
        'webhook-id': id,
        'webhook-timestamp': String(timestamp),
        'webhook-signature': signatureOf(keys, id, timestamp, body),
      },
      body,
      list,
      signal,
      refused: () => new AddressRefused('the host has a private address that CLIPN_EVENT_URLS does not name'),
      resolve,
    });
    dropBody(response);
    return resultOf(response);
  } catch (error) {
    if (error instanceof AddressRefused) return { kind: 'refused', why: 'not_allowed', reason: error.message };
    return { kind: 'failed', reason: reasonOf(error) };
  }
}

function resultOf({ statusCode = 0, headers }: IncomingMessage): AttemptResult {
  const reason = `the receiver answered with status ${statusCode}`;
  if (statusCode >= 200 && statusCode < 300) return { kind: 'delivered' };
  if (statusCode >= 300 && statusCode < 400) return { kind: 'refused', why: 'redirected', reason };
  if (PERMANENT.has(statusCode)) return { kind: 'refused', why: 'refused', reason };
  return { kind: 'failed', reason, retryAfterMs: retryAfterMs(headers['retry-after'], Date.now()) };
}

function reasonOf(error: unknown): string {
  const { code, name, message } = error as { code?: string; name?: string; message?: string };
  if (name === 'AbortError' || name === 'TimeoutError') return 'the receiver did not answer in time';
  return String(code ?? message).slice(0, 200);
}

function dropBody(response: IncomingMessage): void {
  let bytes = 0;
  response.on('error', () => {}); // the status is all that counts
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MOST_ANSWER_BYTES) response.destroy();
  });
}
