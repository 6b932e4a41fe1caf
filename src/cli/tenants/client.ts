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
    const response = await this.#send(path, {
      method,
      headers: {
        accept: 'application/json',
        ...defined({ 'content-type': body === undefined ? undefined : 'application/json' }),
        ...headers,
      },
      ...defined({ body: form ?? (body === undefined ? undefined : JSON.stringify(body)) }),
      timeoutMs: form ? IMAGES_TIMEOUT_MS : TIMEOUT_MS,
    });
    const text = new TextDecoder().decode(response.bytes);
    const parsed = parse(text);
    if (response.ok && (text === '' || parsed !== undefined)) {
      return { status: response.status, headers: response.headers, body: parsed as T };
    }
    throw this.#failure(response.status, parsed);
  }

  /**
   * The body of a reply that is not JSON.
   * @throws RequestError
   */
  async download(path: string): Promise<Buffer> {
    const { ok, status, bytes } = await this.#send(path, { timeoutMs: IMAGES_TIMEOUT_MS });
    if (ok) return bytes;
    throw this.#failure(status, parse(new TextDecoder().decode(bytes)));
  }

  /** Sends a request with the key, and reads the whole reply. @throws RequestError unreachable */
  async #send(
    path: string,
    { timeoutMs, headers = {}, ...init }: Omit<RequestInit, 'headers'> & { timeoutMs: number; headers?: object },
  ): Promise<{ ok: boolean; status: number; headers: Headers; bytes: Buffer }> {
    const authorization = this.#key === undefined ? undefined : `Bearer ${this.#key}`;
    const sent = { ...defined({ authorization }), ...headers };
    try {
      const response = await fetch(this.#url + path, {
        ...init,
        headers: sent,
        signal: AbortSignal.timeout(timeoutMs),
      });
      const { ok, status } = response;
      return { ok, status, headers: response.headers, bytes: Buffer.from(await response.arrayBuffer()) };
    } catch (error) {
      const { cause, message } = error as Error;
      throw new RequestError('unreachable', `${this.#url} can't be reached: ${(cause as Error)?.message || message}`);
    }
  }

  /** The error of a reply with a fault. @param body undefined if it is not JSON */
  #failure(status: number, body: unknown): RequestError {
    const { code, detail } = (body ?? {}) as Partial<Problem>;
    if (typeof code === 'string') return new RequestError(code, detail ?? code);
    return new RequestError('not_the_service', `${this.#url} answered ${status}, which is not a reply of clipn-gate.`);
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
