import type { IncomingMessage } from 'node:http';

/** Fields of one connection (RFC 9110, 7.6.1), which a proxy does not forward. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'upgrade',
]);
/** Fields that only the gate sets, in the spellings that servers take for one (CGI turns `-` into `_`). */
const OWN = /^x[-_]clipn[-_]/;
/** Framing and address; a Connection field that names them does not remove them. */
const ESSENTIAL = new Set(['host', 'content-length', 'transfer-encoding', 'trailer']);

/** Fields that the message's Connection field names as belonging to its connection. */
function named(connection: string | undefined): ReadonlySet<string> | undefined {
  if (connection === undefined || /^(?:keep-alive|close)$/i.test(connection)) return undefined;
  return new Set(
    connection
      .toLowerCase()
      .split(',')
      .map((token) => token.trim())
      .filter((token) => !ESSENTIAL.has(token)),
  );
}

export interface RequestHeaderOptions {
  forwarded: 'append' | 'replace' | 'off';
  /** The upstream's own Host, and whether it replaces the client's or is only used if a client of HTTP/1.0 sent none. */
  host: { name: string; replaces: boolean };
  /** Fields of the client to omit: those that the gate answers itself, or replaces. */
  without?: ReadonlySet<string> | undefined;
  /** Additional fields, after the client's own. */
  extra?: [string, string][];
  upgrade?: boolean;
}

/** The client's fields in order, without hop-by-hop and x-clipn-* ones, plus X-Forwarded-*. Name, value, name, ... */
export function requestHeaders(request: IncomingMessage, options: RequestHeaderOptions): string[] {
  const { rawHeaders, headers, socket } = request;
  const { forwarded, host, without, extra = [], upgrade = false } = options;
  const hop = named(headers.connection);
  const result: string[] = [];
  let [hasProto, hasHost] = [false, false];
  const peer = socket.remoteAddress ?? '';
  let chain = '';
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    const value = rawHeaders[i + 1] as string;
    if (HOP_BY_HOP.has(name) || hop?.has(name) || OWN.test(name) || without?.has(name)) continue;
    if (forwarded !== 'off' && name.startsWith('x-forwarded-')) {
      if (forwarded === 'replace') continue;
      if (name === 'x-forwarded-for') {
        chain += `${value}, `;
        continue;
      }
      hasProto ||= name === 'x-forwarded-proto';
      hasHost ||= name === 'x-forwarded-host';
    }
    if (name === 'host' && host.replaces) continue;
    result.push(rawHeaders[i] as string, value);
  }
  if (host.replaces || headers.host === undefined) result.push('Host', host.name);
  if (forwarded !== 'off') {
    result.push('X-Forwarded-For', chain + peer);
    if (!hasProto) result.push('X-Forwarded-Proto', 'http');
    if (!hasHost && headers.host !== undefined) result.push('X-Forwarded-Host', headers.host);
  }
  for (const [name, value] of extra) result.push(name, value);
  if (upgrade) result.push('Connection', 'Upgrade', 'Upgrade', headers.upgrade ?? '');
  else if (/(?:^|,)\s*trailers\s*(?:$|,|;)/i.test(String(headers['te'] ?? '')))
    result.push('TE', 'trailers', 'Connection', 'TE');
  return result;
}

/** The upstream's fields, without hop-by-hop ones. Its own x-clipn-* give way to those of the gate. */
export function responseHeaders(
  answer: IncomingMessage,
  extra: [string, string][],
  without?: ReadonlySet<string>,
): string[] {
  const { rawHeaders, headers } = answer;
  const hop = named(headers.connection);
  const result: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    if (extra.length > 0 && OWN.test(name)) continue;
    // Node chooses the transfer coding of the client's connection: HTTP/1.0 has no chunks
    if (HOP_BY_HOP.has(name) || name === 'transfer-encoding' || hop?.has(name) || without?.has(name)) continue;
    result.push(rawHeaders[i] as string, rawHeaders[i + 1] as string);
  }
  for (const [name, value] of extra) result.push(name, value);
  return result;
}

/** Pairs of a flat list of raw trailers. */
export function pairs(flat: readonly string[]): [string, string][] {
  const result: [string, string][] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) result.push([flat[i] as string, flat[i + 1] as string]);
  return result;
}
