import { defined } from '../defined.ts';

/** Where objects are, and with which key they are read; from the variables that AWS's own programs use. */
export interface S3 {
  region: string;
  /** Of another store than AWS, such as MinIO. */
  endpoint: URL | undefined;
  credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string } | undefined;
}

export function s3Of(env: NodeJS.ProcessEnv): S3 {
  const endpoint = env['AWS_ENDPOINT_URL_S3'] || env['AWS_ENDPOINT_URL'];
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = env;
  return {
    region: env['AWS_REGION'] || env['AWS_DEFAULT_REGION'] || 'us-east-1',
    endpoint: endpoint === undefined || endpoint === '' ? undefined : new URL(endpoint),
    credentials:
      accessKeyId && secretAccessKey
        ? { accessKeyId, secretAccessKey, ...defined({ sessionToken: env['AWS_SESSION_TOKEN'] || undefined }) }
        : undefined,
  };
}

/** The address of a bucket, with a slash at its end. */
export function bucketUrl(bucket: string, { region, endpoint }: Pick<S3, 'region' | 'endpoint'>): string {
  // a name with dots fits no certificate of *.s3.REGION.amazonaws.com
  const byPath = endpoint !== undefined || bucket.includes('.');
  const host = endpoint?.href.replace(/\/$/, '') ?? `https://${byPath ? '' : `${bucket}.`}s3.${region}.amazonaws.com`;
  return byPath ? `${host}/${bucket}/` : `${host}/`;
}
