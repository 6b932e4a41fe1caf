import { defined } from '../defined.ts';
import { CODES, type ErrorCode } from './codes.ts';
import { CodedUserError, UserError } from './user-error.ts';

export { CODES, CodedUserError, type ErrorCode, UserError };

export interface ErrorOptions {
  /** The technical cause, for the log only. A client never receives it. */
  internal?: string;
  cause?: unknown;
  /** Seconds until a retry makes sense; becomes the header Retry-After. */
  retryAfterSeconds?: number;
  /** Machine-readable details that are safe to publish, e.g. {limit: 16}. */
  extra?: Record<string, unknown>;
}

/** Characters of a text of an error, public or for the log: a request must not decide how long they are. */
const MOST_TEXT = 1000;
const MOST_INTERNAL = 4000;

const bounded = (text: string, most: number) => (text.length > most ? `${text.slice(0, most)}...` : text);

/**
 * An error with a stable code, a public text (`message`) that helps the caller, and an internal text for the log.
 * The texts are separate, so that printing an error cannot leak internal details.
 */
export class ServiceError extends UserError {
  override readonly name = 'ServiceError';
  readonly code: ErrorCode;
  readonly internal: string | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly extra: Record<string, unknown> | undefined;

  constructor(code: ErrorCode, detail: string, options: ErrorOptions = {}) {
    // under overload thousands of refusals are made per second; a stack trace would cost more than the refusal and is never read
    const { stackTraceLimit } = Error;
    if (CODES[code].status === 429) Error.stackTraceLimit = 0;
    super(bounded(detail, MOST_TEXT), options.cause === undefined ? undefined : { cause: options.cause });
    Error.stackTraceLimit = stackTraceLimit;
    this.code = code;
    this.internal = options.internal === undefined ? undefined : bounded(options.internal, MOST_INTERNAL);
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.extra = options.extra;
  }

  get status(): number {
    return CODES[this.code].status;
  }

  override get printed(): string {
    return this.internal ? `${this.message}\n  ${this.internal}` : this.message;
  }
}

/** RFC 9457 problem document. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  code: ErrorCode;
  detail: string;
  instance?: string;
  [extra: string]: unknown;
}

export function toProblem(error: ServiceError, instance?: string): Problem {
  const { status, title } = CODES[error.code];
  return {
    type: `urn:clipn-gate:problem:${error.code}`,
    title,
    status,
    code: error.code,
    detail: error.message,
    ...defined({ instance, retry_after: error.retryAfterSeconds }),
    ...error.extra,
  };
}

/** The serialized form of a ServiceError between two processes of the service. */
export interface SerializedError {
  code: ErrorCode;
  detail: string;
  internal?: string;
  retryAfterSeconds?: number;
  extra?: Record<string, unknown>;
}

export function serializeError(error: unknown): SerializedError {
  if (error instanceof ServiceError) {
    return {
      code: error.code,
      detail: error.message,
      ...defined({ internal: error.internal, retryAfterSeconds: error.retryAfterSeconds, extra: error.extra }),
    };
  }
  const internal = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: 'internal_error', detail: 'An unexpected error occurred; it has been logged.', internal };
}

export function deserializeError(e: SerializedError): ServiceError {
  return new ServiceError(e.code, e.detail, {
    ...defined({ internal: e.internal, retryAfterSeconds: e.retryAfterSeconds, extra: e.extra }),
  });
}
