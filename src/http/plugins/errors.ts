import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { type ErrorCode, ServiceError, toProblem } from '../../errors/index.ts';
import { logFailure } from '../log-failure.ts';

/** Texts for the errors of Fastify and its plugins. */
const KNOWN: Record<string, { code: ErrorCode; detail: string }> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    code: 'unsupported_media_type',
    detail:
      'Send multipart/form-data with image files, one image as image/* or application/octet-stream, or application/json.',
  },
  FST_ERR_CTP_BODY_TOO_LARGE: {
    code: 'payload_too_large',
    detail: 'The request body is larger than this service accepts.',
  },
  FST_ERR_CTP_EMPTY_JSON_BODY: { code: 'invalid_request', detail: 'The content type is JSON, but the body is empty.' },
  FST_ERR_CTP_INVALID_JSON_BODY: { code: 'invalid_request', detail: 'The body is not valid JSON.' },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    code: 'invalid_request',
    detail: 'The length of the body differs from Content-Length.',
  },
};

/** Most faults of one request that are listed, and most characters of each. */
const MOST_ERRORS = 20;
const short = (text: string) => text.slice(0, 200);

export function toServiceError(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  const e = error as Partial<FastifyError>;
  if (e.validation) {
    return new ServiceError('invalid_request', `The request is not valid: ${short(String(e.message))}.`, {
      extra: {
        errors: e.validation.slice(0, MOST_ERRORS).map((v) => ({
          path: short(`${e.validationContext ?? 'body'}${v.instancePath}`),
          message: short(String(v.message)),
        })),
      },
    });
  }
  const known = e.code === undefined ? undefined : KNOWN[e.code];
  if (known) return new ServiceError(known.code, known.detail, { internal: String(e.message), cause: error });
  if (e.statusCode === 413)
    return new ServiceError('payload_too_large', 'The request is larger than this service accepts.', { cause: error });
  if (e.statusCode !== undefined && e.statusCode >= 400 && e.statusCode < 500) {
    return new ServiceError('invalid_request', 'The request could not be read.', {
      internal: String(e.message),
      cause: error,
    });
  }
  return new ServiceError('internal_error', 'An unexpected error occurred; it has been logged under the request id.', {
    internal: error instanceof Error ? (error.stack ?? error.message) : String(error),
    cause: error,
  });
}

/** The Open Inference Protocol defines the field `error`, and its clients read no other one. */
const isOip = (url: string) => /^\/v2(?:[/?]|$)/.test(url);

/** Media type and body of an error: a problem document, which under /v2 also has the field `error`. */
function documentOf(service: ServiceError, { id, url }: FastifyRequest): [type: string, body: object] {
  const problem = toProblem(service, id);
  return isOip(url)
    ? ['application/json', { error: service.message, ...problem }]
    : ['application/problem+json', problem];
}

/** Answers addresses that cannot be routed; Fastify's own answer would repeat the address. */
export function answerUnroutable(error: Error, request: FastifyRequest, reply: FastifyReply): void {
  const service = new ServiceError(
    'invalid_request',
    'The address of the request is not valid, or a part of it is too long.',
    {
      internal: error.message,
    },
  );
  request.log.info({ code: service.code, internal: short(error.message) }, 'request failed');
  const [type, body] = documentOf(service, request);
  void reply.code(service.status).header('content-type', type).send(JSON.stringify(body));
}

/** Sends every error as an RFC 9457 problem document, and logs its internal details. */
export const errorsPlugin = fp(async (app) => {
  app.decorateRequest('unlogged', false);
  app.setErrorHandler((error: unknown, request: FastifyRequest, reply: FastifyReply) => {
    const service = toServiceError(error);
    const level = service.status >= 500 && service.code !== 'engine_unavailable' ? 'error' : 'info';
    logFailure(request, service, level);
    if (service.retryAfterSeconds !== undefined) reply.header('retry-after', String(service.retryAfterSeconds));
    const [type, body] = documentOf(service, request);
    return reply.code(service.status).type(type).send(body);
  });
  app.setNotFoundHandler((request) => {
    throw new ServiceError(
      'not_found',
      `${request.method} ${short(request.url.split('?')[0] as string)} is not an operation of this service; see /openapi.json.`,
    );
  });
});
