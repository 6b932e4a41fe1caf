/**
 * Every error code of the service. A code is never reused for another error; the list only grows.
 * `title` is the public summary of a class of problems (RFC 9457). The public text of one occurrence is `detail`.
 */
export const CODES = {
  invalid_request: { status: 400, title: 'The request is not valid' },
  too_many_images: { status: 400, title: 'Too many images in one request' },
  no_image: { status: 400, title: 'The request contains no image' },
  unauthenticated: { status: 401, title: 'Authentication is required' },
  forbidden: { status: 403, title: 'Not allowed' },
  cross_origin: { status: 403, title: 'The request comes from a page of another origin' },
  not_found: { status: 404, title: 'No endpoint has this address' },
  key_not_found: { status: 404, title: 'There is no such API key' },
  tenant_not_found: { status: 404, title: 'There is no such tenant' },
  method_not_allowed: { status: 405, title: 'The endpoint does not support this method' },
  tenant_conflict: { status: 409, title: 'The tenant was changed by another client' },
  tenant_not_ready: { status: 409, title: "The tenant's features are not ready yet" },
  tenant_read_only: { status: 409, title: 'The tenant is defined by a file and is read-only here' },
  no_previous_version: { status: 409, title: 'There is no version to roll back to' },
  baseline_too_small: { status: 409, title: 'Too few verdicts for a baseline' },
  no_build: { status: 409, title: 'No build is in progress' },
  reload_running: { status: 409, title: 'A model reload is in progress' },
  precondition_failed: { status: 412, title: 'A precondition of the request does not hold' },
  unknown_host: { status: 421, title: 'The service has no such host name' },
  payload_too_large: { status: 413, title: 'The request is too large' },
  unsupported_media_type: { status: 415, title: 'The media type is not supported' },
  image_undecodable: { status: 422, title: 'The image cannot be decoded' },
  import_damaged: { status: 422, title: 'The imported file is damaged' },
  bundle_invalid: { status: 422, title: 'The model bundle cannot be served' },
  image_rejected: { status: 422, title: 'The image is not accepted' },
  image_too_large: { status: 422, title: 'The image has too many pixels' },
  overloaded: { status: 429, title: 'The service is overloaded' },
  rate_limited: { status: 429, title: 'A rate or concurrency limit was reached' },
  quota_exceeded: { status: 429, title: 'The quota of the key is used up' },
  internal_error: { status: 500, title: 'Internal error of the service' },
  tenant_damaged: { status: 500, title: 'The stored tenant cannot be read' },
  engine_unavailable: { status: 503, title: 'The inference engine is not available' },
  store_unavailable: { status: 503, title: 'Tenants cannot be changed now' },
  shutting_down: { status: 503, title: 'The service is shutting down' },
  deadline_exceeded: { status: 504, title: 'The deadline passed' },
} as const;

export type ErrorCode = keyof typeof CODES;
