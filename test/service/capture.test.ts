import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import sharp from 'sharp';
import { freePort } from '../helpers/free-port.ts';
import { localS3, withoutMoto } from '../helpers/moto.ts';
import { temporaryDirectory } from '../helpers/paths.ts';
import { PostgresServer, withoutPostgres } from '../helpers/postgres.ts';
import { putTenant, type Service, sendImage, startService, until } from '../helpers/service.ts';

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

async function withTenant(t: TestContext, dir: string, env: Record<string, string> = {}): Promise<Service> {
  const service = await startService(t, dir, env);
  assert.ok((await putTenant(service.url, 'zoo', EVERYTHING)).ok);
  return service;
}

/** Sends images as fast as the service answers, kills it while they are being stored, and starts it again, twice. */
async function captureAndKill(t: TestContext, dir: string, env: Record<string, string>): Promise<void> {
  const seen = new Set<string>();
  const sent = new Map<string, Buffer>();
  const check = async (url: string) => {
    const there = new Set((await listed(url)).images.map(({ sha256 }) => sha256));
    assert.deepEqual(
      [...seen].filter((sha) => !there.has(sha)),
      [],
    );
    for (const sha of there) {
      const file = Buffer.from(await (await fetch(`${url}/v1/tenants/zoo/captures/${sha}/image`)).arrayBuffer());
      assert.deepEqual(file, sent.get(sha));
    }
  };
  for (let round = 0; round < 2; round++) {
    const { url, child, exited } = await withTenant(t, dir, env);
    await check(url);
    for (let i = 0; i < 20; i++) {
      const bytes = await picture(100 * round + i);
      sent.set(shaOf(bytes), bytes);
    }
    const sending = Promise.allSettled([...sent.values()].map((bytes) => sendImage(url, bytes, '?tenant=zoo')));
    // killed while others are being stored
    await until('some images are kept', 60_000, async () => {
      for (const { sha256 } of (await listed(url)).images) seen.add(sha256);
      return seen.size >= 10 * (round + 1);
    });
    child.kill('SIGKILL');
    await exited;
    await sending;
  }
  const last = await withTenant(t, dir, env);
  await check(last.url);
  last.child.kill('SIGKILL');
  await last.exited;
  assert.ok(seen.size >= 20);
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
  it('every image that was listed is there after kill -9, with the bytes that were sent, in files', async (t) => {
    await captureAndKill(t, await temporaryDirectory(t), {});
  });

  it('every image that was listed is there after kill -9, with the bytes that were sent, in PostgreSQL; while PostgreSQL is away, requests are answered', {
    skip: withoutPostgres,
  }, async (t) => {
    const server = await PostgresServer.start();
    t.after(() => server.stop());
    const dir = await temporaryDirectory(t);
    const env = { CLIPN_STORE: await server.database() };
    await captureAndKill(t, dir, env);
    const service = await withTenant(t, dir, env);
    const before = (await listed(service.url)).total;
    await server.halt();
    const images = await Promise.all([301, 302, 303].map(picture));
    for (const bytes of images) assert.equal((await sendImage(service.url, bytes, '?tenant=zoo')).status, 200);
    await failuresCounted(service, images.length);
    const label = { tenant: 'zoo', sha256: shaOf(images[0] as Buffer), label: 'dog' };
    const give = () =>
      fetch(`${service.url}/v1/labels`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(label),
      });
    const refused = await give();
    assert.deepEqual([refused.status, ((await refused.json()) as { code: string }).code], [503, 'store_unavailable']);
    await server.resume();
    await until('labels are stored again', 60_000, async () => (await give()).status === 200);
    for (const bytes of images) await sendImage(service.url, bytes, '?tenant=zoo');
    await until('images are kept again', 60_000, async () => (await listed(service.url)).total === before + 3);
  });

  it('an image that was removed stays removed after kill -9', async (t) => {
    const dir = await temporaryDirectory(t);
    const first = await withTenant(t, dir);
    const bytes = await picture(1);
    await sendImage(first.url, bytes, '?tenant=zoo');
    await until('the image is kept', 60_000, async () => (await listed(first.url)).total === 1);
    const path = `v1/tenants/zoo/captures/${shaOf(bytes)}`;
    assert.equal((await fetch(`${first.url}/${path}`, { method: 'DELETE' })).status, 204);
    first.child.kill('SIGKILL');
    await first.exited;
    const second = await startService(t, dir);
    assert.equal((await listed(second.url)).total, 0);
    assert.equal((await fetch(`${second.url}/${path}/image`)).status, 404);
  });

  it('a full disk and an object store that is away harm no request; both are counted and logged', async (t) => {
    const full = await temporaryDirectory(t);
    const away = { CLIPN_CAPTURE: 's3://pictures/kept', AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${await freePort()}` };
    const keys = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret' };
    for (const [dir, env] of [
      [full, {}],
      [await temporaryDirectory(t), { ...away, ...keys }],
    ] as const) {
      const service = await withTenant(t, dir, env);
      if (dir === full) {
        // loads the records, because /dev/full is read as endless zeros
        assert.equal((await listed(service.url)).total, 0);
        mkdirSync(join(dir, 'captured'), { recursive: true });
        symlinkSync('/dev/full', join(dir, 'captured', 'zoo.ndjson'));
      }
      for (let i = 0; i < 5; i++)
        assert.equal((await sendImage(service.url, await picture(i), '?tenant=zoo')).status, 200);
      await failuresCounted(service, 5);
      service.child.kill('SIGKILL');
      await service.exited;
    }
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
