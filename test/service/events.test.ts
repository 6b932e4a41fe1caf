import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { it, type TestContext } from 'node:test';
import { ask, recordingUpstream } from '../helpers/gate.ts';
import { grpcClient } from '../helpers/grpc.ts';
import { DEFAULT_BUNDLE, ROOT, temporaryDirectory } from '../helpers/paths.ts';
import { putTenant, sendImage, startService, until } from '../helpers/service.ts';
import { expectedSignature, SECRET, webhook } from '../helpers/webhook.ts';

const sample = (name: string) => readFile(join(ROOT, `samples/${name}.jpg`));

/** The receiver of docs/examples, as its own process; the lines that it prints. */
async function exampleReceiver(t: TestContext) {
  const script = join(ROOT, 'docs/examples/webhook-receiver.mjs');
  const child = spawn(process.execPath, [script, '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, WEBHOOK_SECRET: SECRET },
  });
  t.after(async () => {
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  await until('the receiver listens', 10_000, () => lines.length > 0);
  return { url: `http://127.0.0.1:${/\d+/.exec(lines[0] ?? '')?.[0]}`, lines };
}

/** Waits until the tenant zoo has kept both images, whose weights are the number of their verdicts. */
async function keptTwice(url: string): Promise<void> {
  interface Kept {
    images: { sampling: { weight: number } }[];
  }
  await until('each verdict is in the weight of its image', 30_000, async () => {
    const { images } = (await (await fetch(`${url}/v1/tenants/zoo/captures`)).json()) as Kept;
    return String(images.map(({ sampling }) => sampling.weight).sort()) === '3,4';
  });
}

it('verdicts of every interface reach the webhook of their tenant, signed, and their images are kept; events left at SIGTERM are sent too', async (t) => {
  const dir = await temporaryDirectory(t);
  const receiver = await webhook(t);
  const example = await exampleReceiver(t);
  const upstream = await recordingUpstream(t);
  const config = join(dir, 'gate.yaml');
  await writeFile(
    config,
    `listen: {port: 0}
upstream: {url: "${upstream.url}"}
defaults: {adapter: raw, mode: annotate, tenant: zoo, budget_ms: 60000}
routes: [{match: {path: /classify}}]
`,
  );
  await writeFile(join(dir, 'default'), SECRET);
  const service = await startService(
    t,
    dir,
    {
      CLIPN_BUNDLE: DEFAULT_BUNDLE,
      CLIPN_EVENT_URLS: `${receiver.url},${example.url}`,
      CLIPN_EVENT_SECRETS_DIR: dir,
      CLIPN_EVENT_BATCH_MS: '3600000',
      CLIPN_GRPC_PORT: '0',
    },
    ['gate', '--config', config],
  );
  const { url, gate } = service;
  const classes = ['dog', 'cat'];
  const of = (at: string, on: string) => ({ classes, method: 'atd', events: { url: at, on } });
  assert.equal(
    (await putTenant(url, 'zoo', { ...of(receiver.url, 'all'), capture: { rest: 1, duplicates: 'keep' } })).status,
    201,
  );
  assert.equal((await putTenant(url, 'farm', of(example.url, 'ood'))).status, 201);
  const refused = await putTenant(url, 'bar', of('http://127.0.0.1:1/', 'all'));
  assert.deepEqual([refused.status, ((await refused.json()) as { code: string }).code], [400, 'invalid_request']);
  const shown = await (await fetch(`${url}/v1/tenants/zoo`)).text();
  assert.ok(!shown.includes(SECRET.slice(6)), 'no reply shows a secret');

  const [dog, rocket] = [await sample('dog'), await sample('rocket')];
  for (const tenant of ['zoo', 'farm']) {
    for (const image of [dog, rocket]) assert.equal((await sendImage(url, image, `?tenant=${tenant}`)).status, 200);
  }
  const oip = await fetch(`${url}/v2/models/zoo/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      inputs: [{ name: 'image', datatype: 'BYTES', shape: [1], data: [dog.toString('base64')] }],
    }),
  });
  assert.equal(oip.status, 200, await oip.clone().text());
  await ask(gate as string, {
    path: '/classify',
    headers: [
      ['content-type', 'image/jpeg'],
      ['content-length', String(rocket.length)],
    ],
    body: rocket,
  });
  const asked = await fetch(`${url}/v1/ext-authz/classify`, {
    method: 'POST',
    headers: { 'content-type': 'image/jpeg' },
    body: new Uint8Array(dog),
  });
  assert.deepEqual([asked.status, asked.headers.get('x-clipn-verdict')], [200, 'id']);
  const grpc = String(service.log.find(({ msg }) => String(msg).startsWith('ready: '))?.['grpc']).replace(
    'http://',
    '',
  );
  const http = { method: 'POST', path: '/classify', headers: { 'content-type': 'image/jpeg' }, raw_body: rocket };
  const check = grpcClient(t, grpc, 'Authorization').call('Check', { attributes: { request: { http } } });
  assert.equal((await check).message?.ok_response.headers.length > 0, true);
  const inputs = [{ name: 'image', datatype: 'BYTES', shape: [1], contents: { bytes_contents: [dog] } }];
  const infer = grpcClient(t, grpc, 'GRPCInferenceService').call('ModelInfer', { model_name: 'zoo', inputs });
  assert.equal((await infer).status, undefined);
  assert.equal(receiver.batches.length, 0, 'a part of a batch waits');
  await keptTwice(url);
  service.child.kill('SIGTERM');
  await until('both have all events', 20_000, () => receiver.events().length === 7 && example.lines.length === 2);
  assert.equal(await service.exited, 0);
  const [batch] = receiver.batches;
  assert.ok(batch);
  assert.equal(batch.headers['webhook-signature'], expectedSignature(batch));
  assert.match(batch.headers['content-type'] ?? '', /^application\/cloudevents-batch\+json/);
  const places = receiver.events().map(({ type, data }) => `${data['interface']} ${type.split('.').at(-1)}`);
  assert.deepEqual(places, [
    'detect id',
    'detect ood',
    'oip id',
    'gate ood',
    'ext_authz id',
    'ext_authz ood',
    'oip id',
  ]);
  assert.match(example.lines[1] ?? '', /^farm ood [0-9a-f]{64}$/);
});

it('a receiver that does not answer delays no request, and dropped events are counted', async (t) => {
  const dir = await temporaryDirectory(t);
  const receiver = await webhook(t);
  await receiver.stop();
  await writeFile(join(dir, 'default'), SECRET);
  const { url } = await startService(t, dir, {
    CLIPN_EVENT_URLS: receiver.url,
    CLIPN_EVENT_SECRETS_DIR: dir,
    CLIPN_EVENT_QUEUE: '3',
    CLIPN_EVENT_BATCH_MS: '10',
  });
  await putTenant(url, 'zoo', { classes: ['dog', 'cat'], events: { url: receiver.url, on: 'all' } });
  const dog = await sample('dog');
  for (let i = 0; i < 8; i++) assert.equal((await sendImage(url, dog, '?tenant=zoo')).status, 200);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const dropped = /clipn_events_dropped_total\{tenant="zoo",reason="queue_full"\} (\d+)/.exec(metrics)?.[1];
  assert.ok(
    Number(dropped) >= 5,
    metrics
      .split('\n')
      .filter((line) => line.includes('events'))
      .join('\n'),
  );
  assert.match(metrics, /^clipn_events_queued [123]$/m);
});
