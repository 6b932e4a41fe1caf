import { createHash } from 'node:crypto';
import type { AwsClient } from 'aws4fetch';
import type { ObjectStore, StoredObject } from './object-store.ts';

export interface S3Options {
  bucket: string;
  /** Begins every key; ends with a slash, or is empty. */
  prefix: string;
  region: string;
  /** Address of the bucket, with a slash at its end. */
  base: string;
  credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string };
  /** Longest time for one request, milliseconds. */
  timeoutMs?: number;
}

/** Further attempts after an answer of 429 or 5xx. */
const RETRIES = 2;
const TIMEOUT_MS = 10_000;

/** Refused or unreachable; the message has the status and the store's own code, and no part of a key. */
export class ObjectStoreError extends Error {
  override readonly name = 'ObjectStoreError';
}

/** Objects in a bucket of S3, or of a store with its interface. */
export class S3Objects implements ObjectStore {
  readonly #options: S3Options;
  #client: AwsClient | undefined;

  constructor(options: S3Options) {
    this.#options = options;
  }

  get name(): string {
    return `s3://${this.#options.bucket}/${this.#options.prefix}`;
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const response = await this.#ask(this.#url(key), {
      method: 'PUT',
      headers: { 'x-amz-content-sha256': sha256, 'content-type': 'application/octet-stream' },
      body: bytes as Uint8Array<ArrayBuffer>,
    });
    await response.body?.cancel();
  }

  async get(key: string): Promise<Buffer | undefined> {
    const response = await this.#ask(this.#url(key), { method: 'GET' }, [404]);
    if (response.status === 404) {
      await response.body?.cancel();
      return undefined;
    }
    return Buffer.from(await response.arrayBuffer());
  }

  async remove(key: string): Promise<void> {
    const response = await this.#ask(this.#url(key), { method: 'DELETE' }, [404]);
    await response.body?.cancel();
  }

  async *list(tenant?: string): AsyncIterable<StoredObject> {
    const { prefix } = this.#options;
    const wanted = tenant === undefined ? prefix : `${prefix}${tenant}/`;
    for (let token: string | undefined; ; ) {
      const url = new URL(this.#options.base);
      url.searchParams.set('list-type', '2');
      url.searchParams.set('prefix', wanted);
      if (token !== undefined) url.searchParams.set('continuation-token', token);
      const text = await (await this.#ask(url.href, { method: 'GET' })).text();
      for (const [, content = ''] of text.matchAll(/<Contents>(.*?)<\/Contents>/gs)) {
        const key = element(content, 'Key') ?? '';
        if (!key.startsWith(wanted)) continue;
        yield { key: key.slice(prefix.length), modified: Date.parse(element(content, 'LastModified') ?? '') || 0 };
      }
      token = element(text, 'NextContinuationToken');
      if (token === undefined) return;
    }
  }

  #url(key: string): string {
    const { base, prefix } = this.#options;
    return `${base}${prefix}${key}`;
  }

  async #ask(url: string, init: RequestInit, accepted: readonly number[] = []): Promise<Response> {
    const { credentials, region, timeoutMs = TIMEOUT_MS } = this.#options;
    // loaded only where it is used
    const { AwsClient } = await import('aws4fetch');
    this.#client ??= new AwsClient({ ...credentials, region, service: 's3', retries: RETRIES });
    let response: Response;
    try {
      response = await this.#client.fetch(url, { ...init, signal: AbortSignal.timeout(timeoutMs) });
    } catch (error) {
      const { message, cause } = error as Error & { cause?: { code?: string } };
      throw new ObjectStoreError(`no answer from the object store: ${cause?.code ?? message}`, { cause: error });
    }
    if (response.ok || accepted.includes(response.status)) return response;
    const code = element((await response.text().catch(() => '')).slice(0, 10_000), 'Code');
    throw new ObjectStoreError(`the object store answered ${response.status}${code ? ` ${code.slice(0, 64)}` : ''}`);
  }
}

/** The text of the first element of this name. Entities are replaced; keys of this program have none. */
function element(xml: string, name: string): string | undefined {
  const text = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return text?.replaceAll('&quot;', '"').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}
