import type { IncomingMessage } from 'node:http';
import type { S3 } from '../../config/s3.ts';
import type { ServiceError } from '../../errors/index.ts';
import type { AllowList } from '../../outgoing/allow-list.ts';
import type { Resolve } from '../../outgoing/send.ts';
import { imageTooLarge } from '../image-limits.ts';
import { fetchError, notFetched, notListed, refused } from './errors.ts';
import { get } from './get.ts';
import { isS3, s3Request } from './s3.ts';

/** Redirects that are followed. */
const MOST_REDIRECTS = 3;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

export interface FetchOptions {
  list: AllowList;
  s3: S3;
  maxBytes: number;
  timeoutMs: number;
  signal: AbortSignal;
  /** Called before bytes are kept. Throws where there is no room for them. */
  reserve?: (bytes: number) => void;
  resolve?: Resolve;
}

/**
 * Fetches one image. Every address on the way, redirects included, must be on the list, and every connection must go to a public
 * address or one that the list names.
 * @throws ServiceError image_url_refused, image_not_fetched, payload_too_large, and errors of `reserve`
 */
export async function fetchImage(address: string, options: FetchOptions): Promise<Buffer> {
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(options.timeoutMs)]);
  try {
    const response = isS3(address) ? await fromS3(address, options, signal) : await fromWeb(address, options, signal);
    return await bodyOf(response, options);
  } catch (error) {
    throw fetchError(error);
  }
}

async function fromS3(
  address: string,
  { list, s3, resolve }: FetchOptions,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const { url, headers, trusted } = await s3Request(address, s3, list);
  return get({ url, headers, list: trusted ? undefined : list, signal, resolve });
}

async function fromWeb(
  address: string,
  { list, resolve }: FetchOptions,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  let url = checked(address, undefined, list);
  for (let redirects = 0; ; redirects++) {
    const response = await get({ url, headers: {}, list, signal, resolve });
    const { location } = response.headers;
    if (!REDIRECTS.has(response.statusCode as number) || location === undefined) return response;
    response.destroy();
    if (redirects === MOST_REDIRECTS) throw notFetched(`The image is behind more than ${MOST_REDIRECTS} redirects.`);
    url = checked(location, url, list);
  }
}

/** @param from the address that redirects to this one */
function checked(address: string, from: URL | undefined, list: AllowList): URL {
  const url = URL.canParse(address, from?.href) ? new URL(address, from?.href) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol)) {
    throw refused('The address of the image is not a http:, https: or s3: address.');
  }
  if (url.username !== '' || url.password !== '')
    throw refused('The address of the image must not contain a password.');
  if (!list.permitsUrl(url)) throw notListed();
  if (from?.protocol === 'https:' && url.protocol === 'http:') {
    throw refused('The image is behind a redirect from https: to http:.');
  }
  return url;
}

async function bodyOf(response: IncomingMessage, { maxBytes, reserve }: FetchOptions): Promise<Buffer> {
  const stop = (error: ServiceError): never => {
    response.destroy();
    throw error;
  };
  const { statusCode, headers } = response;
  if (statusCode !== 200) stop(notFetched(`The host of the image answered with status ${statusCode}.`));
  const coding = headers['content-encoding'];
  if (coding !== undefined && coding !== 'identity')
    stop(notFetched('The host of the image sent it in a content coding.'));
  if (Number(headers['content-length'] ?? 0) > maxBytes) stop(imageTooLarge(maxBytes));
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) stop(imageTooLarge(maxBytes));
    reserve?.(chunk.length);
    chunks.push(chunk);
  }
  if (!response.complete) throw notFetched('The host of the image closed the connection before its end.');
  return Buffer.concat(chunks);
}
