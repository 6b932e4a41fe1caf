import { wordsFor } from './words.ts';

/** An error reply of the service (RFC 9457), or the absence of a reply. */
export class ApiError extends Error {
  override readonly name = 'Problem';
  readonly status: number;
  readonly code: string;
  readonly title: string;
  /** Seconds until a retry makes sense. */
  readonly retryAfterSeconds: number | undefined;
  readonly fields: Record<string, unknown>;

  constructor(status: number, fields: Record<string, unknown>) {
    const code = String(fields['code'] ?? 'unexpected_answer');
    const title = String(fields['title'] ?? 'An error occurred');
    const detail = String(
      fields['detail'] ?? fields['title'] ?? 'The service gave an answer that this page does not know.',
    );
    const words = wordsFor({ code, title, detail });
    super(words.text);
    this.status = status;
    this.code = code;
    this.title = words.title;
    this.retryAfterSeconds = typeof fields['retry_after'] === 'number' ? fields['retry_after'] : undefined;
    this.fields = fields;
  }

  /** Whether the same request is likely to succeed a little later. */
  get passing(): boolean {
    // this includes a tenant whose features are being built (409); a used-up quota (429) has no time
    if (this.retryAfterSeconds !== undefined) return true;
    return this.status === 0 || this.status === 502 || this.status === 503 || this.status === 504;
  }

  /** Whether it makes sense to offer the user another try. */
  get retriable(): boolean {
    return this.retryAfterSeconds !== undefined || LATER.has(this.status);
  }
}

/** Statuses that the same request may not have a moment later. The rest depends on what was sent. */
const LATER = new Set([0, 408, 425, 429, 500, 502, 503, 504]);

export const unreachable = () =>
  new ApiError(0, {
    code: 'unreachable',
    title: 'The service does not answer',
    detail: 'The service does not answer: it may be restarting, or the network is down.',
  });

export async function problemOf(response: Response): Promise<ApiError> {
  const fields = (await response.json().catch(() => ({}))) as Record<string, unknown>;
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  return new ApiError(response.status, { ...(seconds >= 0 ? { retry_after: seconds } : {}), ...fields });
}

export function asProblem(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError(0, { code: 'console_error', title: 'An error occurred in this page', detail: String(error) });
}
