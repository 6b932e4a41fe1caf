import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ask, listen } from '../helpers/gate.ts';
import { waves } from '../helpers/images.ts';
import { BUNDLE, COMMAND, ROOT, temporaryDirectory } from '../helpers/paths.ts';
import { ALL_LANES, environment, putTenant, sendImage, startService } from '../helpers/service.ts';

interface Reply {
  tenant: string;
  results: { decision: 'id' | 'ood'; no_probability: number; prediction: { class: string } }[];
}

// The way of a user through the whole program, in a minute: run on every version of Node.js that is supported.
describe('the built program', () => {
  it('the built program starts, builds a tenant, answers for an image at the service and the gate, and ends with 0 on SIGTERM', async (t) => {
    const dir = await temporaryDirectory(t);
    let reached = 0;
    const upstream = createServer((request, response) => {
      reached++;
      request.resume().on('end', () => response.end('{"label": 7}'));
    });
    const config = join(dir, 'gate.yaml');
    await writeFile(
      config,
      `listen: {port: 0}
upstream: {url: "${await listen(t, upstream)}"}
defaults: {adapter: raw, mode: annotate, tenant: pets, budget_ms: 60000}
routes:
  - match: {path: "/classify"}
`,
    );
    const service = await startService(t, dir, ALL_LANES, ['gate', '--config', config]);
    const made = await putTenant(service.url, 'pets', { classes: ['dog', 'cat'] });
    assert.ok(made.status === 201 || made.status === 202, String(made.status));

    const image = await waves(240, 180, 5).jpeg().toBuffer();
    const direct = await sendImage(service.url, image, '?tenant=pets');
    assert.equal(direct.status, 200);
    const { tenant, results } = (await direct.json()) as Reply;
    assert.equal(tenant, 'pets');
    assert.ok(['dog', 'cat'].includes(results[0]?.prediction.class as string));

    const gated = await ask(service.gate as string, {
      path: '/classify',
      headers: [
        ['content-type', 'image/jpeg'],
        ['content-length', String(image.length)],
      ],
      body: image,
    });
    assert.deepEqual([gated.status, String(gated.body), reached], [200, '{"label": 7}', 1]);
    assert.equal(gated.header('x-clipn-verdict'), results[0]?.decision);

    service.child.kill('SIGTERM');
    assert.equal(await service.exited, 0);
    assert.throws(() => process.kill(service.enginePid(), 0), { code: 'ESRCH' });
  });

  it('the built program prints the verdict of an image file', async (t) => {
    const file = join(await temporaryDirectory(t), 'one.png');
    await writeFile(file, await waves(120, 90, 1).png().toBuffer());
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [COMMAND, 'detect', '--classes', 'dog,cat', '--json', file],
      { cwd: ROOT, encoding: 'utf8', env: environment({ CLIPN_BUNDLE: BUNDLE }) },
    );
    assert.equal(status, 0, stderr);
    assert.ok(['id', 'ood'].includes(JSON.parse(stdout).decision));
  });
});
