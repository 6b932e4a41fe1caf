import { KEY_ANYWHERE } from '../../access/index.ts';
import { defined } from '../../defined.ts';
import { CodedUserError, type Problem } from '../../errors/index.ts';
import type { TenantReply, TenantSummary } from '../../http/schemas/tenant.ts';

/** A refusal by the service, or a failure to reach it. */
export class RequestError extends CodedUserError {
  override readonly name = 'RequestError';
  /** The service's stable code; `unreachable` without an answer, `not_the_service` if another server answered. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message.replace(KEY_ANYWHERE, 'clipn_[redacted]'));
    this.code = code;
  }

  override get exitCode(): 1 | 2 {
    return this.code === 'invalid_url' ? 2 : 1;
  }
}

export interface Answer<T> {
  status: number;
  headers: Headers;
  body: T;
}

const TIMEOUT_MS = 60_000;
/** The same for a request with images, which are judged before the answer. */
const IMAGES_TIMEOUT_MS = 600_000;

/** Client of a running service. */
export class ServiceClient {
  readonly #url: string;
  readonly #key: string | undefined;

  /** @throws RequestError invalid_url */
  constructor(url: string, key: string | undefined) {
    if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) {
      throw new RequestError('invalid_url', `${url} is not a valid address; expected http://host:port or https://host`);
    }
    this.#url = url.replace(/\/+$/, '');
    this.#key = key;
  }

  /** @throws RequestError */
  async request<T>(
    method: string,
    path: string,
    { body, form, headers = {} }: { body?: unknown; form?: FormData; headers?: Record<string, string> } = {},
  ): Promise<Answer<T>> {
    let response: Response;
    let text: string;
    try {
      response = await fetch(this.#url + path, {
        method,
        headers: {
          accept: 'application/json',
          ...defined({
            authorization: this.#key === undefined ? undefined : `Bearer ${this.#key}`,
            'content-type': body === undefined ? undefined : 'application/json',
          }),
          ...headers,
        },
        ...defined({ body: form ?? (body === undefined ? undefined : JSON.stringify(body)) }),
        signal: AbortSignal.timeout(form ? IMAGES_TIMEOUT_MS : TIMEOUT_MS),
      });
      text = await response.text();
    } catch (error) {
      const { cause, message } = error as Error;
      throw new RequestError('unreachable', `${this.#url} can't be reached: ${(cause as Error)?.message || message}`);
    }
    const parsed = parse(text);
    if (response.ok && (text === '' || parsed !== undefined)) {
      return { status: response.status, headers: response.headers, body: parsed as T };
    }
    const problem = parsed as Partial<Problem> | undefined;
    if (typeof problem?.code !== 'string') {
      throw new RequestError(
        'not_the_service',
        `${this.#url} answered ${response.status}, which is not a reply of clipn-gate.`,
      );
    }
    throw new RequestError(problem.code, problem.detail ?? problem.code);
  }

  /**
   * The body of a reply that is not JSON.
   * @throws RequestError
   */
  async download(path: string): Promise<Buffer> {
    const authorization = this.#key === undefined ? undefined : `Bearer ${this.#key}`;
    let response: Response;
    let bytes: Buffer;
    try {
      response = await fetch(this.#url + path, {
        headers: defined({ authorization }),
        signal: AbortSignal.timeout(IMAGES_TIMEOUT_MS),
      });
      bytes = Buffer.from(await response.arrayBuffer());
    } catch (error) {
      const { cause, message } = error as Error;
      throw new RequestError('unreachable', `${this.#url} can't be reached: ${(cause as Error)?.message || message}`);
    }
    if (response.ok) return bytes;
    const problem = parse(bytes.toString()) as Partial<Problem> | undefined;
    if (typeof problem?.code === 'string') throw new RequestError(problem.code, problem.detail ?? problem.code);
    throw new RequestError(
      'not_the_service',
      `${this.#url} answered ${response.status}, which is not a reply of clipn-gate.`,
    );
  }

  /** Undefined if there is no such tenant. */
  async tenant(id: string): Promise<TenantReply | undefined> {
    try {
      return (await this.request<TenantReply>('GET', tenantPath(id))).body;
    } catch (error) {
      if (error instanceof RequestError && error.code === 'tenant_not_found') return undefined;
      throw error;
    }
  }

  /** All tenants that the key may see, page by page. `query` has the filters of the API. */
  async *tenants(query: Record<string, string> = {}): AsyncGenerator<TenantSummary> {
    let after: string | null = null;
    do {
      const search: URLSearchParams = new URLSearchParams({
        limit: '1000',
        ...query,
        ...(after === null ? {} : { after }),
      });
      const { body } = await this.request<{ tenants: TenantSummary[]; next: string | null }>(
        'GET',
        `/v1/tenants?${search}`,
      );
      yield* body.tenants;
      after = body.next;
    } while (after !== null);
  }
}

export const tenantPath = (id: string) => `/v1/tenants/${encodeURIComponent(id)}`;

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
