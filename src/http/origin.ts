import { isIP } from 'node:net';
import { isLoopback } from '../access/index.ts';

/** Every host is public. For networks in which something else looks at Host and Origin. */
const ANY = '*';

/** The lower-case host of `Host`, without port, brackets and the final dot. Undefined where the header is no host. */
export function hostNameOf(header: string): string | undefined {
  const [, host] = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/i.exec(header) ?? [];
  return host
    ?.toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '');
}

/** Names under which a service is addressed. */
export interface PublicHosts {
  /** `CLIPN_PUBLIC_HOSTS` and the name in `CLIPN_HOST`. */
  names: ReadonlySet<string>;
}

/** Reads `CLIPN_PUBLIC_HOSTS`: names separated by commas, each without a port. `listening` is `CLIPN_HOST`. */
export function publicHosts(setting: string, listening: string): PublicHosts {
  const names = [...setting.split(','), listening].map((name) => name.trim().toLowerCase().replace(/\.$/, ''));
  return { names: new Set(names.filter((name) => name !== '')) };
}

/**
 * Whether a request may name this host. A page whose name resolves to this machine (DNS rebinding) has a name of its own in
 * `Host`, so a name must be one of the operator's. An IP address must be loopback or the one that the connection was made to.
 * @param header `Host`; undefined in HTTP/1.0, which no browser speaks
 * @param local address that the connection was made to
 */
export function isKnownHost(header: string | undefined, local: string | undefined, { names }: PublicHosts): boolean {
  if (header === undefined || names.has(ANY)) return true;
  const host = hostNameOf(header);
  if (host === undefined) return false;
  if (isLoopback(host) || host.endsWith('.localhost') || names.has(host)) return true;
  return isIP(host) !== 0 && host === local?.replace(/^::ffff:/, '');
}

/**
 * Whether a request was caused by a page of another origin. Browsers say so in `Sec-Fetch-Site`, older ones in `Origin` only;
 * other clients send neither.
 */
export function isCrossOrigin(
  { origin, host, site }: { origin: string | undefined; host: string | undefined; site: string | undefined },
  { names }: PublicHosts,
): boolean {
  if (origin === undefined) return site !== undefined && site !== 'same-origin' && site !== 'none';
  if (names.has(ANY)) return false;
  const from = URL.canParse(origin) ? new URL(origin) : undefined;
  if (from && names.has(hostNameOf(from.host) ?? '')) return false;
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true;
  return from === undefined || hostAndPort(from) !== hostAndPort(parsed(host, from.protocol));
}

function parsed(host: string | undefined, protocol: string): URL | undefined {
  const address = `${protocol}//${host}`;
  return host !== undefined && URL.canParse(address) ? new URL(address) : undefined;
}

/** Host and port; a default port is left out by `URL`. */
function hostAndPort(url: URL | undefined): string | undefined {
  return url?.host.toLowerCase();
}
