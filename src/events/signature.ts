import { createHmac } from 'node:crypto';

/** Lengths of a key in bytes, by the specification of Standard Webhooks. */
const SHORTEST = 24;
const LONGEST = 64;

/**
 * The keys in the text of a secret: one line for each, `whsec_` and the key in base64. Several lines serve the change of a key.
 * @throws Error that says why the text is no secret, without quoting it
 */
export function keysOf(text: string): Buffer[] {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const keys = lines.filter((line) => line !== '').map(keyOf);
  if (keys.length === 0) throw new Error('is empty');
  return keys;
}

function keyOf(line: string): Buffer {
  const text = line.replace(/^whsec_/, '');
  const key = /^[A-Za-z0-9+/]+={0,2}$/.test(text) ? Buffer.from(text, 'base64') : undefined;
  if (key && key.length >= SHORTEST && key.length <= LONGEST) return key;
  throw new Error(`is not whsec_ and ${SHORTEST} to ${LONGEST} bytes in base64`);
}

/**
 * The header `webhook-signature` of Standard Webhooks 1.0: HMAC-SHA256 over "id.timestamp.body", once for each key.
 * @param timestamp seconds since 1970
 */
export function signatureOf(keys: readonly Buffer[], id: string, timestamp: number, body: string): string {
  const content = `${id}.${timestamp}.${body}`;
  return keys.map((key) => `v1,${createHmac('sha256', key).update(content).digest('base64')}`).join(' ');
}
