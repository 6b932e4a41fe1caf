import type { ErrorCode } from '../errors/index.ts';

/** Status codes of gRPC that this service answers with. */
export const STATUS = {
  OK: 0,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;

type Name = keyof typeof STATUS;

/** The status of every error of the service. `clipn-code` in the trailing metadata is the code itself. */
const BY_CODE: Record<ErrorCode, Name> = {
  invalid_request: 'INVALID_ARGUMENT',
  too_many_images: 'INVALID_ARGUMENT',
  no_image: 'INVALID_ARGUMENT',
  unauthenticated: 'UNAUTHENTICATED',
  forbidden: 'PERMISSION_DENIED',
  cross_origin: 'PERMISSION_DENIED',
  not_found: 'UNIMPLEMENTED',
  key_not_found: 'NOT_FOUND',
  capture_not_found: 'NOT_FOUND',
  label_not_found: 'NOT_FOUND',
  tenant_not_found: 'NOT_FOUND',
  method_not_allowed: 'UNIMPLEMENTED',
  tenant_conflict: 'ABORTED',
  tenant_not_ready: 'UNAVAILABLE',
  tenant_read_only: 'FAILED_PRECONDITION',
  no_previous_version: 'FAILED_PRECONDITION',
  baseline_too_small: 'FAILED_PRECONDITION',
  class_not_found: 'NOT_FOUND',
  examples_unsupported: 'FAILED_PRECONDITION',
  not_calibrated: 'FAILED_PRECONDITION',
  calibration_stale: 'FAILED_PRECONDITION',
  no_negatives: 'FAILED_PRECONDITION',
  negatives_unsupported: 'FAILED_PRECONDITION',
  calibration_too_small: 'FAILED_PRECONDITION',
  no_build: 'FAILED_PRECONDITION',
  labels_full: 'FAILED_PRECONDITION',
  reload_running: 'ABORTED',
  precondition_failed: 'FAILED_PRECONDITION',
  unknown_host: 'PERMISSION_DENIED',
  payload_too_large: 'RESOURCE_EXHAUSTED',
  unsupported_media_type: 'INVALID_ARGUMENT',
  image_undecodable: 'INVALID_ARGUMENT',
  import_damaged: 'INVALID_ARGUMENT',
  bundle_invalid: 'FAILED_PRECONDITION',
  image_rejected: 'INVALID_ARGUMENT',
  image_too_large: 'INVALID_ARGUMENT',
  overloaded: 'RESOURCE_EXHAUSTED',
  rate_limited: 'RESOURCE_EXHAUSTED',
  quota_exceeded: 'RESOURCE_EXHAUSTED',
  internal_error: 'INTERNAL',
  tenant_damaged: 'INTERNAL',
  engine_unavailable: 'UNAVAILABLE',
  store_unavailable: 'UNAVAILABLE',
  shutting_down: 'UNAVAILABLE',
  deadline_exceeded: 'DEADLINE_EXCEEDED',
  image_url_refused: 'PERMISSION_DENIED',
  image_not_fetched: 'FAILED_PRECONDITION',
  request_timeout: 'DEADLINE_EXCEEDED',
  uri_too_long: 'INVALID_ARGUMENT',
  headers_too_large: 'INVALID_ARGUMENT',
};

/** Number of the status for an error code. */
export const statusOf = (code: ErrorCode): number => STATUS[BY_CODE[code]];

/** Percent-encoding of `grpc-message`: printable ASCII but `%` stays, every other byte of UTF-8 is written as %XX. */
export function encodeMessage(text: string): string {
  return [...Buffer.from(text)]
    .map((b) => (b >= 0x20 && b <= 0x7e && b !== 0x25 ? String.fromCharCode(b) : `%${hex(b)}`))
    .join('');
}

const hex = (byte: number) => byte.toString(16).toUpperCase().padStart(2, '0');
