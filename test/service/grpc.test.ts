import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { grpcClient } from '../helpers/grpc.ts';
import { noise } from '../helpers/images.ts';
import { PYTHON, photographs, temporaryDirectory } from '../helpers/paths.ts';
import { putTenant, type Service, startService } from '../helpers/service.ts';
import { scopeOfSuite } from '../helpers/suite-scope.ts';

const grpcOf = ({ log }: Service): string =>
  String(log.find(({ msg }) => String(msg).startsWith('ready: '))?.['grpc']).replace('http://', '');

const photograph = async () => (photographs[0] ? readFile(photographs[0]) : noise(64, 48).jpeg().toBuffer());
const inputs = (image: Buffer) => [
  { name: 'image', datatype: 'BYTES', shape: [1], contents: { bytes_contents: [image] } },
];

const client =
  PYTHON === undefined
    ? 'needs CLIPN_PYTHON, a Python with tritonclient[grpc]'
    : spawnSync(PYTHON, ['-c', 'import tritonclient.grpc, tritonclient.http']).status === 0
      ? false
      : 'needs tritonclient[grpc,http] in CLIPN_PYTHON (test/service/requirements.txt)';

describe('gRPC in a real process', () => {
  const own = scopeOfSuite();
  /** The service of all tests; the last one ends it. */
  let service: Service;
  before(async () => {
    service = await startService(own, await temporaryDirectory(own), { CLIPN_GRPC_PORT: '0' });
    await putTenant(service.url, 'zoo', { classes: ['dog', 'cat'] });
  });

  it('the same image has the same verdict over gRPC and HTTP', async (t) => {
    const oip = grpcClient(t, grpcOf(service), 'GRPCInferenceService');
    const image = await photograph();
    const { message } = await oip.call('ModelInfer', { model_name: 'zoo', inputs: inputs(image) });
    const outputs = Object.fromEntries(
      message.outputs.map((o: { name: string; contents: Record<string, unknown[]> }) => [o.name, o.contents]),
    );
    const answer = await fetch(`${service.url}/v1/detect?tenant=zoo`, {
      method: 'POST',
      headers: { 'content-type': 'image/jpeg' },
      body: new Uint8Array(image),
    });
    const { results } = (await answer.json()) as {
      results: { decision: string; ood_probability: number; prediction: { class: string } }[];
    };
    assert.equal(String(outputs['decision'].bytes_contents[0]), results[0]?.decision);
    assert.equal(String(outputs['class'].bytes_contents[0]), results[0]?.prediction.class);
    assert.equal(outputs['ood_probability'].fp32_contents[0], Math.fround(results[0]?.ood_probability ?? Number.NaN));
  });

  it('a wrong port for gRPC is one line', async (t) => {
    const failed = startService(t, await temporaryDirectory(t), { CLIPN_GRPC_PORT: '99999' });
    await assert.rejects(failed, /CLIPN_GRPC_PORT is "99999"/);
  });

  it('tritonclient works over gRPC and HTTP: metadata, index, inference, compression and errors', {
    skip: client,
  }, async (t) => {
    const dir = await temporaryDirectory(t);
    const file = join(dir, 'image.jpg');
    await writeFile(file, await photograph());
    const created = await fetch(`${service.url}/v1/admin/keys`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'triton', scopes: ['detect:demo'] }),
    });
    const { key } = (await created.json()) as { key: string };
    const script = join(import.meta.dirname, 'triton_grpc_client.py');
    const hosts = [grpcOf(service), new URL(service.url).host];
    const run = await promisify(execFile)(PYTHON as string, [script, ...hosts, key, file], { timeout: 120_000 });
    const out = JSON.parse(run.stdout);
    assert.deepEqual([out.gzip, out.deflate, out.http], [out.grpc, out.grpc, out.grpc]);
    assert.deepEqual([out.grpc.id, out.grpc.decision.length], ['7', 2]);
    const { refused } = out;
    assert.match(refused['no key'], /UNAUTHENTICATED This needs an API key/);
    assert.match(refused['no tenant'], /PERMISSION_DENIED/);
    assert.match(refused['statistics'], /UNIMPLEMENTED/);
    assert.match(refused['no image'], /INVALID_ARGUMENT The request contains no image/);
    const overHttp = out['refused over http'];
    assert.match(overHttp['no key'], /401 This needs an API key/);
    assert.match(overHttp['no tenant'], /403 /);
    assert.match(overHttp['statistics'], /404 /);
  });

  it('SIGTERM ends the process while connections of gRPC are open', async (t) => {
    const health = grpcClient(t, grpcOf(service), 'GRPCInferenceService');
    assert.equal((await health.call('ServerLive', {})).message.live, true);
    service.child.kill('SIGTERM');
    assert.equal(await service.exited, 0);
  });
});
