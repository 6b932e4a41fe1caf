import type { IncomingHttpHeaders } from 'node:http';
import type { ClientRequest } from '../../http/routes/ext-authz/client-request.ts';

/** `envoy.service.auth.v3.CheckRequest`; parts that a proxy leaves out are null. */
export interface CheckMessage {
  attributes: {
    source: { address: { socket_address: { address: string } | null } | null } | null;
    request: { http: HttpAttributes | null } | null;
    context_extensions: Record<string, string>;
  } | null;
}

interface HttpAttributes {
  method: string;
  path: string;
  headers: Record<string, string>;
  header_map: { headers: { key: string; value: string; raw_value: Uint8Array }[] } | null;
  size: number;
  body: string;
  raw_body: Uint8Array;
}

const TENANT = 'x-clipn-tenant';

function pairsOf({ headers, header_map }: HttpAttributes): [string, string][] {
  const mapped = header_map?.headers.map(({ key, value, raw_value }): [string, string] => [
    key.toLowerCase(),
    value === '' ? Buffer.from(raw_value).toString('latin1') : value,
  ]);
  const pairs = mapped?.length
    ? mapped
    : Object.entries(headers).map(([k, v]): [string, string] => [k.toLowerCase(), v]);
  // the pseudo-headers of HTTP/2 are fields of their own
  return pairs.filter(([name]) => !name.startsWith(':'));
}

/** Proxies replace every byte of a text that is no UTF-8, Envoy by `!`; without that character nothing was replaced. */
function bodyOf({ body, raw_body: raw }: HttpAttributes): Pick<ClientRequest, 'body' | 'altered'> {
  if (raw.length > 0 || body === '') return { body: Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength) };
  const altered = /[!\ufffd]/.test(body)
    ? 'the proxy sent the body as text; it must be sent as bytes (pack_as_bytes)'
    : undefined;
  return { body: Buffer.from(body), altered };
}

/**
 * The client's request as a proxy describes it over gRPC.
 * @param metadata of the call; `x-clipn-tenant` names the tenant, as does the proxy's context extension of that name, which wins
 * @param own names of headers that only the gate may set; the client's are left out
 * @returns the request, and the names that were left out
 */
export function clientOf(
  { attributes }: CheckMessage,
  metadata: IncomingHttpHeaders,
  own: RegExp,
): { client: ClientRequest; forged: string[] } {
  const http = attributes?.request?.http ?? { ...EMPTY };
  const pairs = pairsOf(http);
  const sent = pairs.filter(([name]) => !own.test(name));
  const headers: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, value] of sent) headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  const tenant = attributes?.context_extensions[TENANT] ?? metadata[TENANT];
  if (typeof tenant === 'string') headers[TENANT] = tenant;
  const length = headers['content-length'];
  return {
    client: {
      method: http.method.toUpperCase(),
      target: http.path || '/',
      headers,
      rawHeaders: sent.flat(),
      ...bodyOf(http),
      announced: length !== undefined && /^\d+$/.test(length) ? Number(length) : http.size > 0 ? http.size : undefined,
      methodKnown: http.method !== '',
      address: attributes?.source?.address?.socket_address?.address,
    },
    forged: pairs.map(([name]) => name).filter((name) => own.test(name)),
  };
}

const EMPTY: HttpAttributes = {
  method: '',
  path: '',
  headers: {},
  header_map: null,
  size: 0,
  body: '',
  raw_body: new Uint8Array(),
};
