import { count, duration, MiB, setting, size } from './setting.ts';

/** The settings of requests' bodies: sizes, and the time in which they arrive. */
export const bodies = {
  maxBodyBytes: setting(size(64 * MiB), 'CLIPN_MAX_BODY_BYTES', 'bytes', 'largest body of a request'),
  maxBodiesBytes: setting(
    size(256 * MiB),
    'CLIPN_MAX_BODIES_BYTES',
    'bytes',
    'largest size of the bodies of all requests together; further requests are refused with 429',
  ),
  uploadTimeoutMs: setting(
    duration(120_000, 1000),
    'CLIPN_UPLOAD_TIMEOUT_MS',
    'milliseconds',
    'longest time in which a request must have arrived completely; a later one is answered with 408',
  ),
  uploadMinRate: setting(
    count(500, 0, 2 ** 31),
    'CLIPN_UPLOAD_MIN_RATE',
    'bytes',
    'smallest rate at which a body must arrive after the grace, per second; a slower upload is ended with 408; 0 for no limit',
  ),
  uploadGraceMs: setting(
    duration(10_000, 100),
    'CLIPN_UPLOAD_GRACE_MS',
    'milliseconds',
    'time of an upload before its rate counts',
  ),
};
