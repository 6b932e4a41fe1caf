import type { IncomingHttpHeaders } from 'node:http';
import { askedTimeoutMs } from '../http/admission.ts';
import { MAX_TIMEOUT_MS } from '../http/schemas/detect.ts';

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
  const shorter = Math.min(ms, askedTimeoutMs(headers) ?? MAX_TIMEOUT_MS);
  headers['x-request-timeout-ms'] = String(Math.max(1, Math.floor(shorter)));
}
