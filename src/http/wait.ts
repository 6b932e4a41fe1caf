/**
 * Longest wait of a request by its Prefer header (RFC 7240), milliseconds: `wait=seconds`, or `respond-async` for no wait.
 * `longestMs` is the upper bound.
 */
export function waitOf(prefer: string | undefined, longestMs: number): number {
  if (prefer === undefined) return longestMs;
  const wait = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,6})"?(?:$|[,;\s])/i.exec(prefer)?.[1];
  if (wait !== undefined) return Math.min(Number(wait) * 1000, longestMs);
  return /(?:^|[,;\s])respond-async(?:$|[,;\s])/i.test(prefer) ? 0 : longestMs;
}
