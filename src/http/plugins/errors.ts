import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { type ErrorCode, ServiceError, toProblem } from '../../errors/index.ts';
import { logFailure } from '../log-failure.ts';

/** Texts for the errors of Fastify and its plugins. */
const KNOWN: Record<string, { code: ErrorCode; detail: string }> = {
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

/** @param request the request whose operation says which content types are accepted */
export function toServiceError(error: unknown, request?: FastifyRequest): ServiceError {
  if (error instanceof ServiceError) return error;
  const e = error as Partial<FastifyError>;
  if (e.validation) return invalid(e.validation, e.validationContext ?? 'body');
  if (e.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return new ServiceError('unsupported_media_type', typeAdvice(request), { internal: String(e.message) });
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

function invalid(faults: NonNullable<FastifyError['validation']>, part: string): ServiceError {
  const [first] = faults;
  const detail = first ? `${placeOf(part, first.instancePath)} ${first.message}` : 'a part of it has another form';
  return new ServiceError('invalid_request', `The request is not valid: ${short(detail)}.`, {
    extra: {
      errors: faults.slice(0, MOST_ERRORS).map(({ instancePath, message }) => ({
        path: short(`${part}${instancePath}`),
        message: short(String(message)),
      })),
    },
  });
}

/** The place of a fault in words: `classes[3].name`, the parameter "top_k". */
function placeOf(part: string, pointer: string): string {
  const names = pointer.split('/').slice(1);
  const place = names.map((name, i) => (/^\d+$/.test(name) ? `[${name}]` : `${i === 0 ? '' : '.'}${name}`)).join('');
  if (part === 'body') return place === '' ? 'the body' : place;
  const kind = { querystring: 'parameter', headers: 'header', params: 'part of the address' }[part] ?? part;
  return place === '' ? `the ${kind}` : `the ${kind} "${place}"`;
}

/** The content types of the operation, and how curl sends one. */
function typeAdvice(request: FastifyRequest | undefined): string {
  const schema = request?.routeOptions.schema as { consumes?: string[]; body?: { content?: object } } | undefined;
  const types =
    schema?.consumes ?? Object.keys(schema?.body?.content ?? (schema?.body ? { 'application/json': 0 } : {}));
  const [first] = types;
  if (first === undefined) return 'This operation takes no body with a content type; leave out Content-Type.';
  const named = types.length === 1 ? first : `one of ${types.join(', ')}`;
  return `The content type is missing or not accepted by this operation. Send ${named} (curl -H 'Content-Type: ${first}').`;
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
  void reply
    .code(service.status)
    .header('content-type', type)
    .header('x-request-id', request.id)
    .send(JSON.stringify(body));
}

/** Sends every error as an RFC 9457 problem document, and logs its internal details. */
export const errorsPlugin = fp(async (app) => {
  app.decorateRequest('unlogged', false);
  app.setErrorHandler((error: unknown, request: FastifyRequest, reply: FastifyReply) => {
    const service = toServiceError(error, request);
    const level = service.status >= 500 && service.code !== 'engine_unavailable' ? 'error' : 'info';
    logFailure(request, service, level);
    if (service.retryAfterSeconds !== undefined) reply.header('retry-after', String(service.retryAfterSeconds));
    const [type, body] = documentOf(service, request);
    return reply.code(service.status).type(type).send(body);
  });
  app.setNotFoundHandler((request) => {
    const path = request.url.split('?')[0] as string;
    throw new ServiceError(
      'not_found',
      `${request.method} ${short(path)} is not an operation of this service; see /openapi.json.`,
    );
  });
});
