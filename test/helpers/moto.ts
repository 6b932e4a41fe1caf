import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { AwsClient } from 'aws4fetch';
import { freePort } from './free-port.ts';
import { until } from './service.ts';
import { tool } from './tools.ts';

const python = process.env['CLIPN_PYTHON'];
const beside = python === undefined ? undefined : join(dirname(python), 'moto_server');
const MOTO = beside !== undefined && existsSync(beside) ? beside : tool('moto_server');

/** Reason to skip a test in its name, or false. */
export const withoutMoto = MOTO ? false : 'needs moto_server (moto of test/service/requirements.txt, CLIPN_PYTHON)';

const CREDENTIALS = { accessKeyId: 'test', secretAccessKey: 'test' };

/** A local server with the interface of S3, and an empty bucket. */
export interface LocalS3 {
  endpoint: URL;
  bucket: string;
  credentials: typeof CREDENTIALS;
  /** Settings for a service that keeps captured images in the bucket. */
  env: Record<string, string>;
  stop(): Promise<void>;
}

export async function localS3(t: Pick<TestContext, 'after'>, bucket = 'pictures'): Promise<LocalS3> {
  const port = await freePort();
  const child = spawn(MOTO as string, ['-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' });
  const exited = new Promise((resolve) => child.on('exit', resolve));
  const stop = async () => {
    child.kill('SIGKILL');
    await exited;
  };
  t.after(stop);
  const endpoint = new URL(`http://127.0.0.1:${port}`);
  const client = new AwsClient({ ...CREDENTIALS, region: 'us-east-1', service: 's3', retries: 0 });
  await until('the local S3 server has a bucket', 30_000, () =>
    client.fetch(`${endpoint.href}${bucket}`, { method: 'PUT' }).then(
      ({ ok }) => ok,
      () => false,
    ),
  );
  const env = {
    CLIPN_CAPTURE: `s3://${bucket}/kept`,
    AWS_ENDPOINT_URL_S3: endpoint.href,
    AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
  };
  return { endpoint, bucket, credentials: CREDENTIALS, env, stop };
}
