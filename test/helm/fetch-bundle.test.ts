import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { CHART } from '../helpers/chart.ts';
import { temporaryDirectory } from '../helpers/paths.ts';
import { run } from '../helpers/tools.ts';

async function setUp(t: TestContext) {
  const dir = await temporaryDirectory(t);
  const target = await temporaryDirectory(t);
  writeFileSync(join(dir, 'bundle.json'), '{"format":1}');
  const archive = join(dir, 'archive.tar.gz');
  execFileSync('tar', ['-czf', archive, '-C', dir, 'bundle.json']);
  const bytes = readFileSync(archive);
  const server = createServer((request, response) => {
    response.statusCode = request.url === '/bundle.tar.gz' ? 200 : 404;
    response.end(bytes);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.after(() => server.close());
  const fetch = (path: string, sha256: string) =>
    run(process.execPath, [
      join(CHART, 'files/fetch-bundle.mjs'),
      `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`,
      sha256,
      target,
    ]);
  return { target, fetch, sha256: createHash('sha256').update(bytes).digest('hex') };
}

it('a downloaded archive with the right checksum is unpacked', async (t) => {
  const { target, fetch, sha256 } = await setUp(t);
  const { code, output } = await fetch('/bundle.tar.gz', sha256.toUpperCase());
  assert.equal(code, 0, output);
  assert.deepEqual(readdirSync(target), ['bundle.json']);
});

it('a downloaded archive with a wrong checksum is refused and removed', async (t) => {
  const { target, fetch, sha256 } = await setUp(t);
  const { code, output } = await fetch('/bundle.tar.gz', '0'.repeat(64));
  assert.equal(code, 1);
  assert.match(output, new RegExp(`the checksum is ${sha256}`));
  assert.deepEqual(readdirSync(target), []);
});

it('a missing archive is reported with its address', async (t) => {
  const { target, fetch, sha256 } = await setUp(t);
  const { code, output } = await fetch('/other', sha256);
  assert.equal(code, 1);
  assert.match(output, /answered 404/);
  assert.deepEqual(readdirSync(target), []);
});
