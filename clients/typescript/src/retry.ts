export interface RetryOptions {
  /** Most requests for one call. */
  tries?: number;
  /** Milliseconds that all waits of a call may take together; an answer that asks for more is returned. */
  longestWaitMs?: number;
  /** Sends a request; the global `fetch` by default. */
  fetch?: (request: Request) => Promise<Response>;
  sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
}

const RETRIED = [429, 503];
const REPEATABLE = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'];
/** Requests with POST that change nothing: verdicts, checks and lists. */
const CHANGES_NOTHING = /\/v1\/detect$|\/v1\/tenants\/[^/]+\/check$|\/v2\/models\/.+\/infer$|\/v2\/repository\/index$/;

/** Whether a second request does the same as one. A condition may no longer hold after the first, so such a request is not repeated. */
export function isRepeatable({ method, url, headers }: Request): boolean {
  if (headers.has('if-match') || headers.has('if-none-match')) return method === 'GET' || method === 'HEAD';
  return method === 'POST' ? CHANGES_NOTHING.test(new URL(url).pathname) : REPEATABLE.includes(method);
}

/** Milliseconds of the header Retry-After, which is a number of seconds or a date; undefined without it. */
export function waitOf({ headers }: Response): number | undefined {
  const value = headers.get('retry-after')?.trim() ?? '';
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

/** A `fetch` that sends a request again when the answer is 429 or 503 with Retry-After. */
export function retryingFetch(options: RetryOptions = {}): typeof fetch {
  const { tries = 4, longestWaitMs = 60_000, fetch: send = (request) => fetch(request), sleep = pause } = options;
  return async (input, init) => {
    const request = new Request(input, init);
    const repeatable = isRepeatable(request);
    let left = longestWaitMs;
    for (let attempt = 1; ; attempt++) {
      const last = !repeatable || attempt >= tries;
      const response = await send(last ? request : request.clone());
      if (last || !RETRIED.includes(response.status)) return response;
      const wait = waitOf(response);
      if (wait === undefined || wait > left) return response;
      await response.body?.cancel();
      left -= wait;
      await sleep(wait, request.signal);
    }
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
  });
}
