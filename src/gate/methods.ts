/** HTTP methods by the properties that the gate depends on. */

/** Their requests may have a body that servers read. */
export const WITH_BODY = ['POST', 'PUT', 'PATCH', 'DELETE', 'QUERY', 'REPORT', 'SEARCH', 'PROPFIND', 'PROPPATCH'];

/** Safe to send twice (RFC 9110 and RFC 4918). */
export const IDEMPOTENT: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'OPTIONS',
  'TRACE',
  'PUT',
  'DELETE',
  'PROPFIND',
  'REPORT',
  'SEARCH',
]);

/** Their requests are sent without `Content-Length: 0` when they have no body. */
export const USUALLY_EMPTY: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE']);
