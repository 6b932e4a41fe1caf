import { isIP } from 'node:net';
import { isPublicAddress } from './addresses.ts';

/** One entry of a list, such as `CLIPN_IMAGE_URLS`. */
interface Entry {
  scheme: 'https' | 'http' | 's3';
  /** Lower case; `*.` in front stands for any name below. The bucket for s3. */
  host: string;
  port: number;
}

const ENTRY = /^(?:(https?|s3):\/\/)?((?:\*\.)?[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(\d{1,5}))?$/i;
const PORTS = { https: 443, http: 80, s3: 0 };

/** Host, without brackets, and port that an http(s) address leads to. */
export function placeOf(url: URL): { host: string; port: number } {
  const port = Number(url.port || (url.protocol === 'https:' ? PORTS.https : PORTS.http));
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port };
}

const plain = (host: string) =>
  host
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '');

/** The places that the service may connect to for its clients (`CLIPN_IMAGE_URLS`, `CLIPN_EVENT_URLS`). Without entries there are none. */
export class AllowList {
  readonly #entries: readonly Entry[];

  constructor(setting: string) {
    const texts = setting.split(',').map((text) => text.trim());
    this.#entries = texts.filter((text) => text !== '').map(entryOf);
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  /** Whether scheme, host and port of an http(s) address are on the list. */
  permitsUrl(url: URL): boolean {
    const scheme = url.protocol.slice(0, -1);
    const host = plain(url.hostname);
    return this.#entries.some((entry) => {
      if (entry.scheme !== scheme || Number(url.port || PORTS[entry.scheme]) !== entry.port) return false;
      return entry.host.startsWith('*.') ? host.endsWith(entry.host.slice(1)) : host === entry.host;
    });
  }

  permitsBucket(bucket: string): boolean {
    return this.#entries.some(({ scheme, host }) => scheme === 's3' && host === bucket);
  }

  /** Whether a connection to this address may be opened: it is public, or the list names the address itself with this port. */
  permitsAddress(address: string, port: number): boolean {
    const [unzoned = ''] = address.split('%');
    const named = this.#entries.some(
      (entry) => isIP(entry.host) !== 0 && entry.host === unzoned && entry.port === port,
    );
    return named || isPublicAddress(unzoned);
  }
}

function entryOf(text: string): Entry {
  const [, scheme = 'https', host = '', port] = ENTRY.exec(text) ?? [];
  const name = scheme.toLowerCase() as Entry['scheme'];
  return { scheme: name, host: plain(host), port: port === undefined ? PORTS[name] : Number(port) };
}
