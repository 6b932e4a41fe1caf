/**
 * Every error the service can answer with. A code is never reused for something else; the list only grows.
 * `title` is the public summary of the class of problem (RFC 9457), the public text of one occurrence is `detail`.
 */
export const CODES = {
  invalid_request: { status: 400, title: 'The request is not valid' },
  too_many_images: { status: 400, title: 'Too many images in one request' },
  no_image: { status: 400, title: 'The request carries no image' },
  unauthenticated: { status: 401, title: 'Authentication is required' },
  forbidden: { status: 403, title: 'Not allowed' },
  not_found: { status: 404, title: 'There is nothing at this address' },
  key_not_found: { status: 404, title: 'There is no such API key' },
  tenant_not_found: { status: 404, title: 'There is no such tenant' },
  method_not_allowed: { status: 405, title: 'The address does not answer to this method' },
  tenant_conflict: { status: 409, title: 'The tenant was changed by somebody else' },
  tenant_not_ready: { status: 409, title: "The tenant's features are not ready yet" },
  tenant_read_only: { status: 409, title: 'The tenant comes from a file and is changed there' },
  no_previous_version: { status: 409, title: 'There is no version to go back to' },
  baseline_too_small: { status: 409, title: 'Too few verdicts for a baseline' },
  no_build: { status: 409, title: 'Nothing is being built' },
  reload_running: { status: 409, title: 'The model is being reloaded already' },
  precondition_failed: { status: 412, title: 'A precondition of the request does not hold' },
  payload_too_large: { status: 413, title: 'The request is too large' },
  unsupported_media_type: { status: 415, title: 'The media type is not supported' },
  image_undecodable: { status: 422, title: 'The image cannot be decoded' },
  import_damaged: { status: 422, title: 'The imported file is not whole' },
  bundle_invalid: { status: 422, title: 'The model bundle cannot be served' },
  image_rejected: { status: 422, title: 'The image is not accepted' },
  image_too_large: { status: 422, title: 'The image has too many pixels' },
  overloaded: { status: 429, title: 'The service is overloaded' },
  rate_limited: { status: 429, title: 'More than key or tenant may send' },
  quota_exceeded: { status: 429, title: 'More than the key may have' },
  internal_error: { status: 500, title: 'Something went wrong on our side' },
  engine_unavailable: { status: 503, title: 'The inference engine is not available' },
  store_unavailable: { status: 503, title: 'Tenants cannot be changed now' },
  shutting_down: { status: 503, title: 'The service is shutting down' },
  deadline_exceeded: { status: 504, title: 'The deadline passed' },
} as const;

export type ErrorCode = keyof typeof CODES;
