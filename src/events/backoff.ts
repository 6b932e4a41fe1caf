/** Shortest and longest wait before the next attempt, milliseconds. */
const FIRST_MS = 1000;
const LONGEST_MS = 60_000;
/** Longest wait that a receiver can ask for, milliseconds. */
const LONGEST_ASKED_MS = 600_000;

/**
 * The wait before the next attempt, milliseconds: doubled with each failure, at random between half of it and all of it, so that replicas do not
 * come back together; never shorter than the receiver asks for.
 * @param failures attempts that have failed in a row, from 1
 */
export function waitAfter(failures: number, askedMs = 0, random: () => number = Math.random): number {
  const most = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures - 1, 20));
  const own = most / 2 + (random() * most) / 2;
  const asked = Math.min(askedMs, LONGEST_ASKED_MS);
  return asked > own ? asked + random() * FIRST_MS : own;
}

/** `Retry-After` in milliseconds: seconds or a date (RFC 9110); undefined if it is neither. */
export function retryAfterMs(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
