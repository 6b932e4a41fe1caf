import { ServiceError } from '../../errors/index.ts';

const UNITS: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000, y: 31_557_600_000 };

/**
 * The expiry time of a key, from a span such as `90d` (m, h, d, w, y) or a date such as 2027-01-31 or 2027-01-31T12:00:00Z.
 * @throws ServiceError invalid_request
 */
export function expiryOf(text: string, now: number): string {
  const [, count, unit] = /^(\d{1,5})([mhdwy])$/.exec(text) ?? [];
  const isDate = /^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d))?$/.test(text);
  const at =
    unit === undefined ? (isDate ? Date.parse(text) : Number.NaN) : now + Number(count) * (UNITS[unit] as number);
  if (at > now && at < Date.parse('9999-01-01')) return new Date(at).toISOString();
  throw new ServiceError(
    'invalid_request',
    `--expires ${text}: a span such as 12h, 90d or 1y, or a future date such as 2030-01-31 or 2030-01-31T12:00:00Z.`,
  );
}
