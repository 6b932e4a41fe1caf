import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cp, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, it, type TestContext } from 'node:test';
import { loadBundle } from '../../src/bundle/load.ts';
import { waves } from '../helpers/images.ts';
import { BUNDLE, temporaryDirectory } from '../helpers/paths.ts';
import { engineAfter, isAlive, putTenant, type Service, sendImage, startService, until } from '../helpers/service.ts';
import { scopeOfSuite } from '../helpers/suite-scope.ts';

const { version: VERSION } = (await loadBundle(BUNDLE)).manifest;

/** The bundle under another version, with another scale: its verdicts differ from the original's. */
async function variant(t: TestContext, change: (dir: string, manifest: Record<string, unknown>) => unknown = () => {}) {
  const dir = await temporaryDirectory(t);
  await cp(BUNDLE, dir, { recursive: true });
  const path = join(dir, 'bundle.json');
  const manifest = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
  Object.assign(manifest, { version: '9.0.0', logit_scale: 40 });
  await change(dir, manifest);
  await writeFile(path, JSON.stringify(manifest));
  return dir;
}

interface Reply {
  model: { version: string };
  tenant_version: number;
  results: { ood_probability: number; scores: object }[];
}

const post = (url: string, body?: object, headers: Record<string, string> = {}) =>
  fetch(`${url}/v1/admin/reload`, {
    method: 'POST',
    ...(body
      ? { body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } }
      : { headers }),
  });
const reloadState = async (url: string) =>
  (await (await fetch(`${url}/v1/admin/reload`)).json()) as { state: string; stage?: string; error?: { code: string } };

describe('POST /v1/admin/reload', () => {
  const own = scopeOfSuite();
  let service: Service;
  before(async () => {
    service = await startService(own, await temporaryDirectory(own));
  });

  it('with a new bundle under load no request fails, no verdict mixes two models, and changed tenants move too', async (t) => {
    const { url } = service;
    const tenants = ['zoo', 'farm', 'sea'];
    for (const id of tenants) assert.equal((await putTenant(url, id, { classes: ['dog', 'cat', id] })).status, 201);
    const image = await waves(200, 150, 3).jpeg().toBuffer();
    const verdict = async (id: string) => {
      const response = await sendImage(url, image, `?tenant=${id}`);
      const reply = (await response.json()) as Reply;
      assert.equal(response.status, 200, JSON.stringify(reply));
      return [reply.model.version, id, reply.tenant_version, reply.results[0]?.ood_probability].join(' ');
    };
    const seen = new Map<string, number>();
    let going = true;
    const clients = Array.from({ length: 6 }, async (_, c) => {
      for (let i = c; going; i++) {
        const answer = await verdict(tenants[i % tenants.length] as string);
        seen.set(answer, (seen.get(answer) ?? 0) + 1);
      }
    });
    await until('traffic flows', 20_000, () => seen.size >= 3);
    const pid = service.enginePid();

    const reloading = post(url, { bundle: await variant(t) });
    await until('it runs', 10_000, async () => (await reloadState(url)).state !== 'idle');
    const second = await post(url);
    assert.equal(((await second.json()) as { code: string }).code, 'reload_running');
    // a tenant that is made, and one that changes, while the others move
    assert.equal((await putTenant(url, 'new', { classes: ['owl', 'bat'] })).ok, true);
    assert.equal((await putTenant(url, 'sea', { classes: ['whale', 'shark', 'ray'] })).ok, true);
    const response = await reloading;
    const done = (await response.json()) as { state: string; to: { version: string }; tenants: { ready: number } };
    assert.deepEqual([response.status, done.state, done.to?.version], [200, 'done', '9.0.0'], JSON.stringify(done));

    assert.match(await verdict('zoo'), /^9\.0\.0 zoo 1 /);
    assert.match(await verdict('sea'), /^9\.0\.0 sea 2 /);
    assert.match(await verdict('new'), /^9\.0\.0 new 1 /);
    assert.match(await verdict('demo'), /^9\.0\.0 demo 1 /);
    going = false;
    await Promise.all(clients);
    // one verdict for each model, tenant and version: anything mixed would be one more
    const kinds = [...seen.keys()].map((k) => k.split(' ').slice(0, 3).join(' '));
    assert.equal(new Set(kinds).size, kinds.length, [...seen.keys()].join('\n'));
    assert.ok(kinds.includes(`${VERSION} zoo 1`) && kinds.includes('9.0.0 zoo 1'));
    const values = [...seen.keys()].filter((k) => k.includes(' zoo ')).map((k) => k.split(' ')[3]);
    assert.equal(new Set(values).size, 2, 'the models give different verdicts');

    await engineAfter(service, pid);
    await until('the old engine has ended', 10_000, () => !isAlive(pid));
    const { model } = (await (await fetch(`${url}/readyz`)).json()) as { model: { version: string } };
    assert.equal(model.version, '9.0.0');

    // a new engine of the new model gets the heads of the new model
    process.kill(service.enginePid(), 'SIGKILL');
    assert.match(await verdict('farm'), /^9\.0\.0 farm 1 /);

    // SIGHUP reads the configured one again
    service.child.kill('SIGHUP');
    await until('the configured bundle serves again', 30_000, async () =>
      (await verdict('zoo')).startsWith(`${VERSION} `),
    );
    await until('it is done', 30_000, async () => (await reloadState(url)).state === 'done');
    assert.equal(seen.has(await verdict('zoo')), true, 'as it was at the beginning');
  });

  it('a bad bundle leaves the old one in service, and the reply gives the reason', async (t) => {
    const { url } = service;
    const image = await waves(200, 150, 3).jpeg().toBuffer();
    const pid = service.enginePid();
    const broken: [string, RegExp][] = [
      ['/nowhere/at/all', /bundle\.json can't be read/],
      [await variant(t, (dir) => truncate(join(dir, 'image.onnx'), 1000)), /image\.onnx has 1000 bytes/],
      [
        await variant(t, async (dir, manifest) => {
          const golden = JSON.parse(await readFile(join(dir, 'golden.json'), 'utf8'));
          const bytes = Buffer.from(JSON.stringify({ ...golden, tolerance: 1e-12 }));
          await writeFile(join(dir, 'golden.json'), bytes);
          const sha256 = createHash('sha256').update(bytes).digest('hex');
          (manifest['files'] as Record<string, object>)['golden.json'] = { sha256, bytes: bytes.length };
        }),
        /computes other results than when it was made/,
      ],
    ];
    for (const [bundle, why] of broken) {
      const response = await post(url, { bundle });
      const problem = (await response.json()) as { code: string };
      assert.deepEqual([response.status, problem.code], [422, 'bundle_invalid'], JSON.stringify(problem));
      assert.match(JSON.stringify(problem), why);
      assert.equal((await reloadState(url)).error?.code, 'bundle_invalid');
      const reply = (await (await sendImage(url, image)).json()) as Reply;
      assert.equal(reply.model.version, VERSION);
    }
    assert.equal(service.enginePid(), pid);
    assert.equal((await post(url, { bundle: 7 as never })).status, 400);
    const soon = await post(url, undefined, { prefer: 'respond-async' });
    assert.equal(soon.status, 202);
    await until('it has ended', 30_000, async () => (await reloadState(url)).state !== 'running');
    const { state, error } = await reloadState(url);
    assert.deepEqual([state, error], ['done', undefined]);
    assert.equal((await sendImage(url, image)).status, 200);
  });
});
