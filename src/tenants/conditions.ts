import { ServiceError } from '../errors/index.ts';
import { etagOf, type TenantRecord } from './record.ts';

/** Conditions of a client on the stored state before a change (RFC 9110): entity tags as sent, or "*". */
export interface Preconditions {
  ifMatch?: string | undefined;
  ifNoneMatch?: string | undefined;
}

/** Whether a list of entity tags names this one. Weak comparison takes `W/"x"` for `"x"`. */
export function listsTag(header: string, etag: string, weak: boolean): boolean {
  if (header.trim() === '*') return true;
  // a tag from the time of a build has a suffix that does not matter for changes
  const tags = header.split(',').map((tag) => tag.trim().replace(/\.[a-z]+"$/, '"'));
  return tags.some((tag) => (weak ? tag.replace(/^W\//, '') : tag) === etag);
}

/** @throws ServiceError precondition_failed with the current tag */
export function checkConditions(record: TenantRecord | undefined, { ifMatch, ifNoneMatch }: Preconditions): void {
  const etag = record && etagOf(record);
  const extra = { current_etag: etag ?? null };
  if (ifMatch !== undefined && !(etag !== undefined && listsTag(ifMatch, etag, false))) {
    throw new ServiceError('precondition_failed', 'The tenant is not in the state that If-Match names. GET it again.', {
      extra,
    });
  }
  if (ifNoneMatch !== undefined && etag !== undefined && listsTag(ifNoneMatch, etag, true)) {
    throw new ServiceError('precondition_failed', 'The tenant is in a state that If-None-Match excludes.', {
      extra,
    });
  }
}
