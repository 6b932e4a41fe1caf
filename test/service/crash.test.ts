import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { noise, waves } from '../helpers/images.ts';
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

  it('kill -9 of the service right after acknowledged writes loses none of them, repeatedly', async (t) => {
    const dir = await temporaryDirectory(t);
    const acknowledged = new Map<string, string[]>();
    /** Changes whose request was interrupted: the old classes and the new ones are both right. */
    const interrupted = new Map<string, string[]>();
    for (let round = 0; round <= 4; round++) {
      const service = await startService(t, dir);
      for (const [id, classes] of acknowledged) {
        const reply = (await (await fetch(`${service.url}/v1/tenants/${id}`)).json()) as {
          definition: { classes: string[] };
          state: string;
        };
        const found = reply.definition.classes;
        if (!isDeepStrictEqual(found, interrupted.get(id))) {
          assert.deepEqual(found, classes, `${id} in round ${round}`);
          assert.equal(reply.state, 'ready');
        }
        acknowledged.set(id, found);
      }
      interrupted.clear();
      if (round === 4) break;
      const quiet = ['quiet', `round ${round}`];
      assert.ok((await putTenant(service.url, 'quiet', { classes: quiet })).ok);
      acknowledged.set('quiet', quiet);
      let writing = true;
      let answered = 0;
      const writers = Array.from({ length: 4 }, async (_, w) => {
        for (let i = 0; writing; i++) {
          const id = `t${w}`;
          const classes = [`dog ${round}`, `cat ${i}`];
          interrupted.set(id, classes);
          const response = await putTenant(service.url, id, { classes }).catch(() => undefined);
          if (!response?.ok) return;
          acknowledged.set(id, classes);
          interrupted.delete(id);
          answered++;
        }
      });
      await until('some writes are acknowledged', 20_000, () => answered >= 4 + 5 * round && acknowledged.size === 5);
      service.child.kill('SIGKILL');
      await service.exited;
      writing = false;
      await Promise.all(writers);
      const engine = service.enginePid();
      await until('the engine does not outlive its parent', 5000, () => !alive(engine));
    }
    assert.equal(acknowledged.size, 5);
  });
});

describe('broken and hostile input to the real service', () => {
  it('bad images and clients that disconnect do not affect good images in between', async (t) => {
    const service = await startService(t, await temporaryDirectory(t));
    const { url } = service;
    const good = await picture();
    const junk = await noise(40, 40).png().toBuffer();
    const bad: [Uint8Array, number, string][] = [
      [Buffer.from('not an image'), 415, 'unsupported_media_type'],
      [good.subarray(0, good.length >> 1), 422, 'image_undecodable'],
      [junk.subarray(0, 60), 422, 'image_undecodable'],
    ];
    const pid = service.enginePid();
    await Promise.all(
      Array.from({ length: 60 }, async (_, i) => {
        if (i % 3 === 0) {
          assert.equal((await sendImage(url, good)).status, 200);
        } else if (i % 3 === 1) {
          const [bytes, status, code] = bad[i % bad.length] as (typeof bad)[number];
          const response = await sendImage(url, bytes);
          assert.deepEqual([response.status, ((await response.json()) as { code: string }).code], [status, code]);
        } else {
          await sendImage(url, good, '', AbortSignal.timeout(i % 7)).catch(() => {});
        }
      }),
    );
    assert.equal((await sendImage(url, good)).status, 200);
    assert.equal(service.enginePid(), pid, 'the engine was not restarted');
  });
});

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
