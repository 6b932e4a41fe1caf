import { bucketUrl, type S3 } from '../../config/s3.ts';
import type { AllowList } from '../../outgoing/allow-list.ts';
import { notListed, refused } from './errors.ts';

const ADDRESS = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\/(.+)$/s;

export const isS3 = (address: string): boolean => /^s3:/i.test(address);

/** Each part of a key as it stands in an address; AWS's rule encodes more characters than `encodeURIComponent`. */
const encodedKey = (key: string) =>
  key
    .split('/')
    .map((part) =>
      encodeURIComponent(part).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`),
    )
    .join('/');

/**
 * The signed request for an object; unsigned without credentials, which is enough for public objects.
 * @returns `trusted` where the operator has set the endpoint, which may be in a private network
 * @throws ServiceError image_url_refused
 */
export async function s3Request(
  address: string,
  { region, endpoint, credentials }: S3,
  list: AllowList,
): Promise<{ url: URL; headers: Record<string, string>; trusted: boolean }> {
  const [, bucket, key] = ADDRESS.exec(address) ?? [];
  if (bucket === undefined || key === undefined) throw refused('An S3 address has the form s3://bucket/key.');
  if (!list.permitsBucket(bucket)) throw notListed();
  const url = new URL(`${bucketUrl(bucket, { region, endpoint })}${encodedKey(key)}`);
  const trusted = endpoint !== undefined;
  if (!credentials) return { url, headers: {}, trusted };
  // loaded only where it is used
  const { AwsV4Signer } = await import('aws4fetch');
  const signed = await new AwsV4Signer({ url: url.href, method: 'GET', service: 's3', region, ...credentials }).sign();
  const headers = Object.fromEntries(signed.headers.entries());
  delete headers['host'];
  return { url: signed.url, headers, trusted };
}
