import { isIP } from 'node:net';
import { type AllowList, placeOf } from '../outgoing/allow-list.ts';
import { type EventSecrets, SecretError } from './secrets.ts';

/** Where the events of a tenant are sent, as its definition says. */
export interface Destination {
  url: string;
  /** Verdicts that are sent; `ood` if it is not given. */
  on?: 'ood' | 'all';
}

/** The reason why events may not be sent to an address, in words for the tenant's owner; undefined if they may. */
export function addressFault(address: string, list: AllowList): string | undefined {
  if (list.isEmpty) return 'This service sends no events: CLIPN_EVENT_URLS is not set.';
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol)) return 'events.url must be an http: or https: address.';
  if (url.username !== '' || url.password !== '')
    return 'events.url must not contain a password; events are signed instead.';
  if (!list.permitsUrl(url))
    return 'events.url is not an address to which this service sends events (CLIPN_EVENT_URLS).';
  const { host, port } = placeOf(url);
  if (isIP(host) !== 0 && !list.permitsAddress(host, port)) return 'The host of events.url has no public address.';
  return undefined;
}

/** The reason why a tenant's events can not be sent; undefined if they can. */
export function destinationFault(
  tenant: string,
  { url }: Destination,
  { list, secrets }: { list: AllowList; secrets: EventSecrets },
): string | undefined {
  const fault = addressFault(url, list);
  if (fault !== undefined) return fault;
  try {
    secrets.keysFor(tenant);
    return undefined;
  } catch (error) {
    if (!(error instanceof SecretError)) throw error;
    return `The events of tenant "${tenant}" cannot be signed: ${error.message}.`;
  }
}
