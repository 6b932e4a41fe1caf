import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it, type TestContext } from 'node:test';
import sharp from 'sharp';
import { freePort } from '../helpers/free-port.ts';
import { localS3, withoutMoto } from '../helpers/moto.ts';
import { temporaryDirectory } from '../helpers/paths.ts';
import { putTenant, type Service, sendImage, startService, until } from '../helpers/service.ts';
import { scopeOfSuite } from '../helpers/suite-scope.ts';

const shaOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** A small picture of its own for every number. */
const picture = (i: number) =>
  sharp({
    create: { width: 40 + (i % 7), height: 40, channels: 3, background: { r: (i * 37) % 256, g: i % 256, b: 90 } },
  })
    .png()
    .toBuffer();

/** Rules that keep every image, equal or not. */
const EVERYTHING = { classes: ['dog', 'cat'], capture: { rest: 1, per_hour: 10_000, duplicates: 'keep' } };

interface Listed {
  total: number;
  results: Record<string, number>;
  images: { sha256: string }[];
}

const listed = async (url: string) =>
  (await (await fetch(`${url}/v1/tenants/zoo/captures?limit=1000`)).json()) as Listed;

const labels = async (url: string) => (await fetch(`${url}/v1/tenants/zoo/labels?format=jsonl`)).text();

async function withTenant(
  t: Pick<TestContext, 'after'>,
  dir: string,
  env: Record<string, string> = {},
): Promise<Service> {
  const service = await startService(t, dir, env);
  assert.ok((await putTenant(service.url, 'zoo', EVERYTHING)).ok);
  return service;
}

/** Waits until so many images are counted as failed, and checks that the log names the cause. */
async function failuresCounted({ url, log }: Service, images: number): Promise<void> {
  await until('the failures are counted', 60_000, async () =>
    new RegExp(`clipn_capture_images_total\\{tenant="zoo",result="failed"\\} ${images}\\b`).test(
      await (await fetch(`${url}/metrics`)).text(),
    ),
  );
  assert.ok(log.some(({ msg }) => /captured images could not be stored/.test(String(msg))));
}

describe('capture in a running service', () => {
  it('an object store that is away harms no request; images that are not kept are counted and logged', async (t) => {
    const service = await withTenant(t, await temporaryDirectory(t), {
      CLIPN_CAPTURE: 's3://pictures/kept',
      AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${await freePort()}`,
      AWS_ACCESS_KEY_ID: 'id',
      AWS_SECRET_ACCESS_KEY: 'secret',
    });
    for (let i = 0; i < 5; i++)
      assert.equal((await sendImage(service.url, await picture(i), '?tenant=zoo')).status, 200);
    await failuresCounted(service, 5);
  });

  it('images are written to a bucket of S3 and read from it, and are deleted from it once they are removed', {
    skip: withoutMoto,
  }, async (t) => {
    const { env } = await localS3(t);
    const { url } = await withTenant(t, await temporaryDirectory(t), env);
    const bytes = await picture(1);
    await sendImage(url, bytes, '?tenant=zoo');
    await until('the image is kept', 60_000, async () => (await listed(url)).total === 1);
    const image = `${url}/v1/tenants/zoo/captures/${shaOf(bytes)}/image`;
    assert.deepEqual(Buffer.from(await (await fetch(image)).arrayBuffer()), bytes);
    const removed = await fetch(`${url}/v1/tenants/zoo/captures`, { method: 'DELETE' });
    assert.deepEqual(await removed.json(), { removed: 1 });
    assert.equal((await fetch(image)).status, 404);
  });

  it('does not start with a bucket and without credentials, and says which settings are missing', async (t) => {
    await assert.rejects(
      startService(t, await temporaryDirectory(t), {
        CLIPN_CAPTURE: 's3://pictures',
        AWS_ACCESS_KEY_ID: '',
        AWS_SECRET_ACCESS_KEY: '',
      }),
      /needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY/,
    );
  });
});

describe('a full disk', () => {
  const t = scopeOfSuite();
  let service: Service;
  before(async () => {
    const dir = await temporaryDirectory(t);
    service = await withTenant(t, dir);
    // loads the records, because /dev/full is read as endless zeros
    assert.deepEqual([(await listed(service.url)).total, await labels(service.url)], [0, '']);
    for (const folder of ['captured', 'labels']) {
      mkdirSync(join(dir, folder), { recursive: true });
      symlinkSync('/dev/full', join(dir, folder, 'zoo.ndjson'));
    }
  });

  it('a full disk harms no request; images that are not kept are counted and logged', async () => {
    for (let i = 0; i < 5; i++)
      assert.equal((await sendImage(service.url, await picture(i), '?tenant=zoo')).status, 200);
    await failuresCounted(service, 5);
  });

  it('a full disk refuses a label with 503 and a reason, and verdicts go on', async () => {
    const refused = await fetch(`${service.url}/v1/labels`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ tenant: 'zoo', sha256: shaOf(Buffer.from('1')), label: 'dog' }),
    });
    const problem = (await refused.json()) as { code: string; detail: string };
    assert.deepEqual([refused.status, problem.code], [503, 'store_unavailable']);
    assert.match(problem.detail, /Labels cannot be stored now/);
    assert.equal(await labels(service.url), '');
    assert.equal((await fetch(`${service.url}/readyz`)).status, 200);
  });
});
