import { Type } from 'typebox';
import { OBJECT_STORE } from './patterns.ts';
import { duration, MiB, setting, size } from './setting.ts';

/** Settings of drift, and of images that are kept for review. */
export const OBSERVATION_SETTINGS = {
  driftWindowMs: setting(
    duration(3_600_000, 1000),
    'CLIPN_DRIFT_WINDOW_MS',
    'milliseconds',
    "length of the window of verdicts that is compared with a tenant's baseline",
  ),
  capture: setting(
    Type.String({ default: 'directory', pattern: OBJECT_STORE }),
    'CLIPN_CAPTURE',
    'text',
    'where images of tenants with `capture` in their definition are kept: directory (captures/ in the data directory), another absolute path, s3://BUCKET/PREFIX (with the AWS_* variables of its own programs), or off, which keeps none',
  ),
  captureQueueBytes: setting(
    size(64 * MiB),
    'CLIPN_CAPTURE_QUEUE_BYTES',
    'bytes',
    'most bytes of images that wait to be kept; further ones are dropped and counted',
  ),
};
