import type { IncomingHttpHeaders } from 'node:http';

const UNITS: Record<string, number> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/** Milliseconds of `grpc-timeout`, such as `250m`; undefined if it is absent or malformed. */
export function timeoutMs(value: string | undefined): number | undefined {
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(value ?? '') ?? [];
  return digits === undefined ? undefined : Number(digits) * (UNITS[unit as string] as number);
}

/** The deadline of the call becomes the time limit that HTTP clients send: the shorter of both holds. */
export function adoptTimeout(headers: IncomingHttpHeaders): void {
  const value = headers['grpc-timeout'];
  const ms = timeoutMs(typeof value === 'string' ? value : undefined);
  if (ms === undefined) return;
  const own = Number(headers['x-request-timeout-ms']);
  headers['x-request-timeout-ms'] = String(Math.max(1, own >= 1 ? Math.min(own, ms) : ms));
}
