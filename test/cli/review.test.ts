import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { testApp } from '../helpers/app.ts';
import { COMMAND, ROOT, temporaryDirectory } from '../helpers/paths.ts';
import { environment } from '../helpers/service.ts';

const shaOf = (text: string) => createHash('sha256').update(text).digest('hex');

/** A service that has kept the images a, b and c, and the commands run against it. */
async function setUp(t: TestContext) {
  const { app, registry, access, capture } = await testApp(t, {}, { mode: 'keys' });
  await registry.put('zoo', { classes: ['a/dog', 'cat'], capture: { rest: 1, duplicates: 'keep' } }, { waitMs: 1000 });
  const { key, headers } = await access.key(['admin']);
  for (const payload of ['a', 'b', 'c'])
    await app.inject({
      method: 'POST',
      url: '/v1/detect?tenant=zoo',
      headers: { ...headers, 'content-type': 'image/png' },
      payload: Buffer.from(payload),
    });
  await capture.capture.idle();
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const env = environment({ CLIPN_URL: url, CLIPN_API_KEY: key });
  const run = (...args: string[]) =>
    new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
      const child = spawn(process.execPath, [COMMAND, ...args], { cwd: ROOT, env });
      let [out, err] = ['', ''];
      child.stdout.on('data', (chunk) => (out += chunk));
      child.stderr.on('data', (chunk) => (err += chunk));
      child.on('close', (code) => resolve({ code, out, err }));
    });
  return { run, folder: await temporaryDirectory(t) };
}

describe('clipn-gate capture and labels', () => {
  it('export writes each file where its label says, and a second export skips all', async (t) => {
    const { run, folder } = await setUp(t);
    for (const [image, label] of [
      ['a', 'a/dog'],
      ['b', 'none'],
    ] as const)
      assert.equal((await run('labels', 'set', 'zoo', shaOf(image), label)).code, 0);
    assert.match((await run('labels', 'export', 'zoo', '--format', 'csv')).out, /a\/dog/);
    const first = await run('capture', 'export', 'zoo', folder);
    assert.match(first.out, /3 images written, 0 were there/, first.err);
    for (const [image, place] of [
      ['a', 'id/a%2Fdog'],
      ['b', 'ood'],
      ['c', 'unlabelled'],
    ] as const) {
      const [file] = readdirSync(join(folder, place));
      assert.equal(file?.split('.')[0], shaOf(image));
      assert.equal(readFileSync(join(folder, place, file as string), 'utf8'), image);
    }
    assert.ok(existsSync(join(folder, 'manifest.jsonl')));
    assert.match((await run('capture', 'export', 'zoo', folder)).out, /0 images written, 3 were there/);
  });

  it('export moves a file whose label has changed, so that no image is there twice', async (t) => {
    const { run, folder } = await setUp(t);
    await run('labels', 'set', 'zoo', shaOf('a'), 'none');
    await run('capture', 'export', 'zoo', folder);
    await run('labels', 'set', 'zoo', shaOf('a'), 'cat');
    assert.match((await run('capture', 'export', 'zoo', folder)).out, /0 images written, 3 were there/);
    const images = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.includes(shaOf('a')),
    );
    assert.deepEqual(
      images.map((file) => file.split('.')[0]),
      [`id/cat/${shaOf('a')}`],
    );
  });

  it('delete removes one image or all, and refuses neither and both', async (t) => {
    const { run } = await setUp(t);
    assert.equal((await run('capture', 'delete', 'zoo')).code, 2);
    assert.equal((await run('capture', 'delete', 'zoo', shaOf('a'), '--all', '--yes')).code, 2);
    assert.equal((await run('capture', 'delete', 'zoo', shaOf('a'))).code, 0);
    assert.equal((await run('capture', 'delete', 'zoo', shaOf('a'))).code, 1);
    assert.match((await run('capture', 'delete', 'zoo', '--all', '--yes')).out, /2 images removed/);
    assert.equal((await run('capture', 'list', 'zoo', '--json')).out, '');
  });
});
