import { type Client, createClient, createConfig } from './generated/client/index.js';
import type { ClientOptions, Problem } from './generated/types.gen.js';
import { type RetryOptions, retryingFetch } from './retry.js';

/** An error that the service has answered. `code` is stable: see docs/api.md of the service. */
export class GateError extends Error {
  override name = 'GateError';
  readonly code: string;

  constructor(
    readonly status: number,
    readonly problem: Partial<Problem>,
  ) {
    const { code = 'unknown', detail = 'the answer is no problem document' } = problem;
    super(`${code} (${status}): ${detail}`);
    this.code = code;
  }
}

export interface GateOptions extends RetryOptions {
  /** Address of the service, such as `http://localhost:8080`. */
  baseUrl: string;
  apiKey?: string;
}

/** A client for the functions of this package. It repeats refused requests, and its errors are `GateError`. */
export function gateClient({ baseUrl, apiKey, ...retry }: GateOptions): Client {
  const config = createConfig<ClientOptions>({ baseUrl: baseUrl as ClientOptions['baseUrl'], fetch: retryingFetch(retry) });
  const client = createClient({ ...config, ...(apiKey ? { headers: { 'x-api-key': apiKey } } : {}) });
  client.interceptors.error.use((error, response) =>
    response ? new GateError(response.status, typeof error === 'object' && error ? error : {}) : error,
  );
  return client;
}
