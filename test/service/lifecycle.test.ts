import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before as beforeAll, describe, it } from 'node:test';
import { waves } from '../helpers/images.ts';
import { BUNDLE, COMMAND, ROOT, temporaryDirectory } from '../helpers/paths.ts';
import { environment, isAlive, putTenant, type Service, sendImage, startService } from '../helpers/service.ts';
import { scopeOfSuite } from '../helpers/suite-scope.ts';

/** Runs `serve` where it is expected to end by itself. */
function serve(env: Record<string, string>): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [COMMAND, 'serve'], {
    cwd: ROOT,
    env: environment({ CLIPN_PORT: '0', ...env }),
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, output })));
}

/** Sends a signal when the first of 30 requests has been answered. */
async function endsAfterAnswers({ url, child, exited, enginePid }: Service, signal: NodeJS.Signals): Promise<void> {
  const image = await waves(900, 700, 5).jpeg().toBuffer();
  const requests = Array.from({ length: 30 }, () => sendImage(url, image, '?tenant=zoo'));
  // the others are in progress when the first is answered
  await Promise.race(requests);
  child.kill(signal);
  const answers = await Promise.allSettled(requests);
  const statuses = answers.map((a) => (a.status === 'fulfilled' ? a.value.status : 'refused'));
  assert.ok(statuses.filter((s) => s === 200).length > 1, String(statuses));
  assert.ok(
    statuses.every((s) => s === 200 || s === 503 || s === 'refused'),
    String(statuses),
  );
  assert.equal(await exited, 0);
  assert.ok(!isAlive(enginePid()), 'the engine has ended too');
}

describe('from start to end', () => {
  const own = scopeOfSuite();
  /** Each test continues with the service, or with the data directory, that the test before it has left. */
  let service: Service;
  let dir: string;
  let image: Buffer;
  let before: { results: unknown };
  beforeAll(async () => {
    dir = await temporaryDirectory(own);
    service = await startService(own, dir);
    await putTenant(service.url, 'zoo', { classes: ['dog', 'cat', 'panda'], method: 'atd' });
    image = await waves(200, 200, 7).png().toBuffer();
    before = (await (await sendImage(service.url, image, '?tenant=zoo')).json()) as { results: unknown };
    assert.equal((await fetch(`${service.url}/v1/tenants/demo`, { method: 'DELETE' })).status, 204);
  });

  it('serve reports that its port is in use', async (t) => {
    const { code, output } = await serve({
      CLIPN_BUNDLE: BUNDLE,
      CLIPN_DATA_DIR: await temporaryDirectory(t),
      CLIPN_PORT: new URL(service.url).port,
    });
    assert.notEqual(code, 0);
    assert.match(output, /in use/i);
  });

  it('a second service on the same data directory is refused in one line', async () => {
    const second = await serve({ CLIPN_DATA_DIR: dir });
    assert.equal(second.code, 1);
    const line = second.output.split('\n').filter((l) => l.startsWith('clipn-gate: '));
    assert.match(
      String(line),
      new RegExp(`The data directory .* is in use by process ${service.child.pid} on .*data_directory_locked`),
    );
    assert.doesNotMatch(second.output, /\n +at /);
  });

  it('on SIGTERM requests in progress are answered, then the process ends with 0', () =>
    endsAfterAnswers(service, 'SIGTERM'));

  it('tenants and their features exist after a restart without being encoded again', async () => {
    service = await startService(own, dir);
    const { url } = service;
    const now = (await (await sendImage(url, image, '?tenant=zoo')).json()) as { results: unknown };
    assert.deepEqual(now.results, before.results);
    assert.equal((await sendImage(url, image, '?tenant=demo')).status, 404, 'a deleted demo stays deleted');
    const metrics = await (await fetch(`${url}/metrics`)).text();
    assert.match(metrics, /clipn_cache_requests_total\{cache="features",result="hit"\} 6/);
    assert.doesNotMatch(metrics, /cache="features",result="miss"\} [1-9]/);
  });

  it('after kill -9 of a service, another one starts on its data directory at once', async () => {
    service.child.kill('SIGKILL');
    await service.exited;
    service = await startService(own, dir);
    assert.equal((await fetch(`${service.url}/readyz`)).status, 200);
  });

  it('on SIGINT requests in progress are answered, then the process ends with 0', () =>
    endsAfterAnswers(service, 'SIGINT'));

  it('a data directory of a newer program is refused and left as it is', async (t) => {
    const dir = await temporaryDirectory(t);
    await writeFile(join(dir, 'format.json'), '{"version": 1000}');
    const { code, output } = await serve({ CLIPN_DATA_DIR: dir });
    assert.equal(code, 1);
    assert.match(output, /has format 1000 .*data_format_unsupported/);
    assert.deepEqual(await readdir(dir), ['format.json']);
  });

  it('serve refuses a damaged bundle and names every fault', async (t) => {
    const dir = await temporaryDirectory(t);
    const copy = join(dir, 'bundle');
    await cp(BUNDLE, copy, { recursive: true });
    const graph = await readFile(join(copy, 'image.onnx'));
    graph[graph.length >> 1] = (graph[graph.length >> 1] as number) ^ 0xff;
    await writeFile(join(copy, 'image.onnx'), graph);
    await writeFile(join(copy, 'tokenizer.json'), '{}');
    const { code, output } = await serve({ CLIPN_BUNDLE: copy, CLIPN_DATA_DIR: join(dir, 'data') });
    assert.equal(code, 1);
    assert.match(output, /image\.onnx is not the file the manifest describes/);
    assert.match(output, /tokenizer\.json has 2 bytes/);
  });

  it('a bundle whose graph computes other results is refused by its golden file', async (t) => {
    const dir = await temporaryDirectory(t);
    const copy = join(dir, 'bundle');
    await cp(BUNDLE, copy, { recursive: true });
    const { createHash } = await import('node:crypto');
    const golden = JSON.parse(await readFile(join(copy, 'golden.json'), 'utf8'));
    const features = Buffer.from(golden.image.features.data, 'base64');
    features.writeFloatLE(features.readFloatLE(0) + 0.01, 0);
    golden.image.features.data = features.toString('base64');
    const text = JSON.stringify(golden);
    await writeFile(join(copy, 'golden.json'), text);
    const manifest = JSON.parse(await readFile(join(copy, 'bundle.json'), 'utf8'));
    manifest.files['golden.json'] = {
      bytes: Buffer.byteLength(text),
      sha256: createHash('sha256').update(text).digest('hex'),
    };
    await writeFile(join(copy, 'bundle.json'), JSON.stringify(manifest));
    const { code, output } = await serve({ CLIPN_BUNDLE: copy, CLIPN_DATA_DIR: join(dir, 'data') });
    assert.notEqual(code, 0);
    assert.match(output, /golden/i);
  });

  it('serve reports every fault of the configuration at once', async () => {
    const { code, output } = await serve({ CLIPN_PORT: 'eighty', CLIPN_MAX_BATCH: '0', CLIPN_METHOD: 'best' });
    assert.equal(code, 2);
    for (const name of ['CLIPN_PORT', 'CLIPN_MAX_BATCH', 'CLIPN_METHOD']) assert.match(output, new RegExp(name));
  });
});
