import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { waves } from '../helpers/images.ts';
import { photographs, temporaryDirectory } from '../helpers/paths.ts';
import { ALL_LANES, engineAfter, putTenant, sendImage, startService, until } from '../helpers/service.ts';

const picture = () => (photographs[0] ? readFile(photographs[0]) : waves(300, 200, 3).jpeg().toBuffer());

describe('kill -9', () => {
  it('kill -9 of the engine under 500 concurrent requests: all are answered, it restarts, tenants are intact', async (t) => {
    const service = await startService(t, await temporaryDirectory(t), {
      ...ALL_LANES,
      CLIPN_MAX_QUEUE: '1000',
      // the time of 500 images on a machine whose cores are busy with other work
      CLIPN_REQUEST_TIMEOUT_MS: '10m',
      CLIPN_CACHE_BYTES: '0',
    });
    const { url } = service;
    assert.equal((await putTenant(url, 'zoo', { classes: ['dog', 'cat', 'panda'] })).status, 201);
    const image = await picture();
    const before = await (await sendImage(url, image, '?tenant=zoo')).json();
    const pid = service.enginePid();

    const statuses: Record<number, number> = {};
    const requests = Array.from({ length: 500 }, async () => {
      const response = await sendImage(url, image, '?tenant=zoo');
      const body = (await response.json()) as { code?: string; results?: unknown[] };
      statuses[response.status] = (statuses[response.status] ?? 0) + 1;
      assert.equal(response.status, 200, body.code);
      assert.equal(body.results?.length, 1);
    });
    await until('some requests are answered', 20_000, () => (statuses[200] ?? 0) >= 20);
    process.kill(pid, 'SIGKILL');
    const killed = Date.now();
    await Promise.all(requests);
    t.diagnostic(`answers: ${JSON.stringify(statuses)}`);
    assert.deepEqual(statuses, { 200: 500 }, 'those inside ran again, those that waited continued to wait');

    await engineAfter(service, pid);
    t.diagnostic(`ready again ${Date.now() - killed} ms after the kill`);
    assert.ok(await fetch(`${url}/livez`).then((r) => r.ok));
    const after = await (await sendImage(url, image, '?tenant=zoo')).json();
    assert.deepEqual((after as { results: unknown }).results, (before as { results: unknown }).results);
    assert.match(
      await (await fetch(`${url}/metrics`)).text(),
      /clipn_engine_restarts_total\{engine="cpu",cause="killed"\} 1/,
    );
  });
});
