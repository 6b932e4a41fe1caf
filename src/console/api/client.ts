import { anotherKey, apiKey } from './key.ts';
import { ApiError, problemOf, unreachable } from './problem.ts';

/** Relative to the page, so that it works behind a path prefix. */
export const addressOf = (path: string) => new URL(path, document.baseURI).href;

const LONGEST_MS = 120_000;

/**
 * Sends one request. After a 401 the page asks for a key and repeats the request with it.
 * @throws ApiError
 */
export async function call(path: string, init: RequestInit = {}): Promise<Response> {
  for (;;) {
    const key = apiKey.value;
    const headers = new Headers(init.headers);
    // a separate header, so that a proxy in front can use Authorization
    if (key !== undefined) headers.set('x-api-key', key);
    const response = await send(addressOf(path), { ...init, headers });
    if (response.ok) return response;
    const problem = await problemOf(response);
    if (response.status !== 401 || !(await anotherKey(key, problem))) throw problem;
  }
}

async function send(address: string, init: RequestInit): Promise<Response> {
  const timeout = AbortSignal.timeout(LONGEST_MS);
  try {
    return await fetch(address, {
      cache: 'no-store',
      ...init,
      signal: init.signal ? AbortSignal.any([init.signal, timeout]) : timeout,
    });
  } catch {
    if (init.signal?.aborted) throw init.signal.reason;
    throw unreachable();
  }
}

export async function callJson<T>(path: string, init?: RequestInit): Promise<T> {
  const response = await call(path, init);
  return (await response.json()) as T;
}

export const json = (body: unknown, headers: Record<string, string> = {}) => ({
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
});

/** Resolves after `ms`; rejects as soon as the signal is aborted. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const over = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', over);
      resolve();
    }, ms);
    signal?.addEventListener('abort', over, { once: true });
  });
}

/** Retries while the service is restarting or busy, after the pause that it asks for, or after growing pauses. */
export async function patiently<T>(
  request: () => Promise<T>,
  {
    signal,
    giveUpMs = 90_000,
    onWait,
  }: { signal?: AbortSignal; giveUpMs?: number; onWait?: (p: ApiError) => void } = {},
): Promise<T> {
  const end = performance.now() + giveUpMs;
  for (let attempt = 0; ; attempt++) {
    try {
      return await request();
    } catch (error) {
      const ms =
        error instanceof ApiError && error.retryAfterSeconds !== undefined
          ? error.retryAfterSeconds * 1000
          : 250 * 2 ** attempt;
      const waitMs = Math.min(Math.max(ms, 100), 5000) * (1 + Math.random() / 4);
      if (!(error instanceof ApiError) || !error.passing || performance.now() + waitMs > end) throw error;
      onWait?.(error);
      await pause(waitMs, signal);
    }
  }
}
