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
  /** `CLIPN_PUBLIC_HOSTS`. */
  names: ReadonlySet<string>;
  /** `CLIPN_HOST`. Pages on other ports of this address are of another origin. */
  listening: string;
}

/** Reads `CLIPN_PUBLIC_HOSTS`: names separated by commas, each without a port. `listening` is `CLIPN_HOST`. */
export function publicHosts(setting: string, listening: string): PublicHosts {
  const names = setting.split(',').map(plainName);
  return { names: new Set(names.filter((name) => name !== '')), listening: plainName(listening) };
}

const plainName = (name: string): string => name.trim().toLowerCase().replace(/\.$/, '');

/**
 * Whether a request may name this host. A page whose name resolves to this machine (DNS rebinding) has a name of its own in
 * `Host`, so a name must be one of the operator's. An IP address must be loopback or the one that the connection was made to.
 * @param header `Host`; undefined in HTTP/1.0, which no browser speaks
 * @param local address that the connection was made to
 */
export function isKnownHost(
  header: string | undefined,
  local: string | undefined,
  { names, listening }: PublicHosts,
): boolean {
  if (header === undefined || names.has(ANY)) return true;
  const host = hostNameOf(header);
  if (host === undefined) return false;
  if (isLoopback(host) || host.endsWith('.localhost') || host === listening || names.has(host)) return true;
  return isIP(host) !== 0 && host === local?.replace(/^::ffff:/, '');
}

/**
 * Whether a request was caused by a page of another origin. Browsers send `Sec-Fetch-Site`. Older ones, and those that
 * use plain HTTP to another machine, send `Origin` only. Other clients send neither. A proxy may replace `Host`, so a page of a name in
 * `CLIPN_PUBLIC_HOSTS` counts as the service's own, unless the browser sends `Sec-Fetch-Site`.
 */
export function isCrossOrigin(
  { origin, host, site }: { origin: string | undefined; host: string | undefined; site: string | undefined },
  { names }: PublicHosts,
): boolean {
  if (names.has(ANY)) return false;
  if (site !== undefined && site !== 'none') return site !== 'same-origin';
  if (origin === undefined) return false;
  const from = URL.canParse(origin) ? new URL(origin) : undefined;
  if (from && names.has(hostNameOf(from.host) ?? '')) return false;
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
