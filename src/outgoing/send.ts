import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { type AllowList, placeOf } from './allow-list.ts';

/** All addresses of a name; `dns.lookup` where nothing else is said. */
export type Resolve = (name: string, done: (error: Error | null, addresses: LookupAddress[]) => void) => void;

const resolveBySystem: Resolve = (name, done) => systemLookup(name, { all: true, verbatim: true }, done);

export interface OutgoingRequest {
  url: URL;
  method: 'GET' | 'POST';
  headers: Record<string, string>;
  body?: string;
  /** Undefined: the operator has named the host, and any address of it is accepted. */
  list: AllowList | undefined;
  signal: AbortSignal;
  /** Makes the error for a host with an address that may not be used. */
  refused: (host: string) => Error;
  resolve?: Resolve | undefined;
}

/**
 * Sends one request on a connection of its own and resolves with the head of its answer. The addresses of the host are checked where
 * the connection takes them, so that no second lookup can give others (DNS rebinding). No redirect is followed, and no proxy, cookie
 * or credential of the service takes part.
 * @throws the error of `refused`; errors of the connection
 */
export function send(outgoing: OutgoingRequest): Promise<IncomingMessage> {
  const { url, method, headers, body, list, signal, refused, resolve = resolveBySystem } = outgoing;
  const { host, port } = placeOf(url);
  const permitted = (address: string) => list?.permitsAddress(address, port) ?? true;
  const lookup: LookupFunction = (name, options, done) => {
    resolve(name, (error, addresses) => {
      if (error) return done(error, '');
      // one private address among several is as suspicious as only one
      const found = addresses.every(({ address }) => permitted(address)) ? addresses : [];
      const [first] = found;
      if (!first) return done(refused(name) as NodeJS.ErrnoException, '');
      if (options.all) done(null, found);
      else done(null, first.address, first.family);
    });
  };
  return new Promise((fulfil, reject) => {
    // an address in place of a name is not looked up
    if (isIP(host) !== 0 && !permitted(host)) return reject(refused(host));
    const { request } = url.protocol === 'https:' ? https : http;
    const sent = request(url, { method, agent: false, lookup, signal, headers });
    sent.once('error', reject).once('response', (response) => {
      const { remoteAddress } = response.socket;
      if (remoteAddress !== undefined && permitted(remoteAddress.replace(/^::ffff:/, ''))) return fulfil(response);
      sent.destroy();
      reject(refused(host));
    });
    sent.end(body);
  });
}
