import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { testApp } from '../helpers/app.ts';
import { image, WordEngine } from '../helpers/gate.ts';
import { grpcClient, listeningGrpc } from '../helpers/grpc.ts';
import { until } from '../helpers/service.ts';

type Options = Parameters<typeof testApp>;

async function served(t: TestContext, config: Options[1] = {}, access: Options[2] = {}, channel: object = {}) {
  const test = await testApp(t, config, access);
  const words = new WordEngine();
  test.engine.detect = (request, signal) => words.detect(request, signal);
  const { address, grpc, port } = await listeningGrpc(t, test.app);
  const oip = grpcClient(t, address, 'GRPCInferenceService', channel);
  const infer = (images: Buffer[], more: object = {}, options = {}) =>
    oip.call(
      'ModelInfer',
      {
        model_name: 'demo',
        inputs: [{ name: 'image', datatype: 'BYTES', shape: [images.length], contents: { bytes_contents: images } }],
        ...more,
      },
      options,
    );
  return { ...test, words, address, grpc, port, oip, infer };
}

describe('gRPC: the Open Inference Protocol', () => {
  it('answers live, ready, metadata, configuration and index of tenants', async (t) => {
    const { oip, engine, app } = await served(t);
    const { call } = oip;
    assert.deepEqual((await call('ServerLive')).message, { live: true });
    assert.deepEqual((await call('ServerReady')).message, { ready: true });
    const server = (await call('ServerMetadata')).message;
    assert.deepEqual([server.name, server.version], ['clipn-gate', '1.2.3']);
    const model = (await call('ModelMetadata', { name: 'demo' })).message;
    assert.deepEqual(model.inputs, [{ name: 'image', datatype: 'BYTES', shape: [-1] }]);
    assert.deepEqual([model.versions, model.outputs.length], [['1'], 5]);
    assert.deepEqual((await call('ModelReady', { name: 'demo', version: '1' })).message, { ready: true });
    const { config } = (await call('ModelConfig', { name: 'demo' })).message;
    assert.deepEqual([config.name, config.max_batch_size, config.input[0].data_type], ['demo', 0, 13]);
    assert.deepEqual((await call('RepositoryIndex')).message.models, [
      { name: 'demo', version: '1', state: 'READY', reason: '' },
    ]);
    assert.deepEqual(await call('ModelMetadata', { name: 'nobody' }).then((o) => [o.status, o.code]), [
      5,
      'tenant_not_found',
    ]);
    assert.deepEqual(await call('ModelReady', { name: 'demo', version: '7' }).then((o) => o.status), 5);
    engine.status = { ...engine.status, state: 'restarting' };
    assert.deepEqual((await call('ServerReady')).message, { ready: false });
    assert.deepEqual((await call('ModelReady', { name: 'demo' })).message, { ready: false });
    app.lifecycle.draining = true;
    assert.deepEqual((await call('ServerLive')).message, { live: true });
  });

  it('answers verdicts in the form of the request: contents for contents, raw for raw', async (t) => {
    const { infer } = await served(t);
    const { message } = await infer([image('ID'), image('OOD')], { id: 'a' });
    assert.deepEqual(
      [message.id, message.model_name, message.model_version, message.parameters.method.string_param],
      ['a', 'demo', '1', 'ctw'],
    );
    const decision = message.outputs.find((o: { name: string }) => o.name === 'decision');
    assert.deepEqual(decision.contents.bytes_contents.map(String), ['id', 'ood']);
    const no = message.outputs.find((o: { name: string }) => o.name === 'no_probability').contents.fp32_contents;
    assert.ok(no[0] < 0.5 && no[1] > 0.5);
    const bytes = image('OOD');
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    const raw = await infer([], {
      inputs: [{ name: 'image', datatype: 'BYTES', shape: [1, 1] }],
      raw_input_contents: [Buffer.concat([length, bytes])],
      outputs: [{ name: 'decision' }, { name: 'ood_probability' }],
      parameters: { method: { string_param: 'atd-rescaled' } },
    });
    assert.equal(raw.message.parameters.method.string_param, 'atd-rescaled');
    assert.deepEqual(raw.message.raw_output_contents[0], Buffer.from('\x03\0\0\0ood', 'latin1'));
    assert.equal(raw.message.raw_output_contents[1].length, 4);
    assert.equal(raw.message.outputs[0].contents, null);
  });

  it('takes a gzip message, and refuses one that is larger once decompressed', async (t) => {
    const { infer, words } = await served(t, { maxBodyBytes: 4096 }, {}, { 'grpc.default_compression_algorithm': 2 });
    assert.equal((await infer([image('ID', 3000)])).message.model_name, 'demo');
    assert.equal(words.requests.length, 1);
    const zeros = await infer([Buffer.alloc(40_000)]);
    assert.deepEqual([zeros.status, zeros.code], [8, 'payload_too_large']);
  });

  it('refuses what HTTP refuses, with the code in the trailing metadata', async (t) => {
    const { infer, words } = await served(t);
    const outcome = async (images: Buffer[], more: object = {}) => {
      const { status, code } = await infer(images, more);
      return [status, code];
    };
    assert.deepEqual(await outcome([]), [3, 'no_image']);
    assert.deepEqual(await outcome(Array.from({ length: 5 }, () => image('ID'))), [3, 'too_many_images']);
    assert.deepEqual(await outcome([image('ID'), image('BAD')]), [3, 'image_undecodable']);
    assert.deepEqual(await outcome([Buffer.alloc(20_000)]), [8, 'payload_too_large']);
    assert.deepEqual(await outcome([Buffer.alloc(9000), Buffer.alloc(9000), Buffer.alloc(9000), Buffer.alloc(9000)]), [
      8,
      'payload_too_large',
    ]);
    assert.deepEqual(await outcome([image('ID')], { model_version: '9' }), [5, 'tenant_not_found']);
    assert.deepEqual(await outcome([image('ID')], { outputs: [{ name: 'x' }] }), [3, 'invalid_request']);
    assert.deepEqual(await outcome([image('ID')], { parameters: { method: { string_param: 'x' } } }), [
      3,
      'invalid_request',
    ]);
    assert.deepEqual(await outcome([image('ID')], { id: 'x'.repeat(300) }), [3, 'invalid_request']);
    const shaped = {
      inputs: [{ name: 'image', datatype: 'BYTES', shape: [2], contents: { bytes_contents: [image('ID')] } }],
    };
    assert.deepEqual(await outcome([], shaped), [3, 'invalid_request']);
    assert.deepEqual(await outcome([], { raw_input_contents: [image('ID'), image('ID')] }), [3, 'invalid_request']);
    assert.deepEqual(await outcome([image('DOWN')]), [14, 'engine_unavailable']);
    assert.deepEqual(await outcome([image('BUSY')]), [8, 'overloaded']);
    assert.equal(words.requests.length, 4);
  });

  it('a key opens what its scopes name, as over HTTP, before the message is read', async (t) => {
    const { infer, access, oip, registry } = await served(t, {}, { mode: 'keys' });
    await registry.put('zoo', { classes: ['lion', 'tiger'] }, { waitMs: 1000 });
    const metadata = async (scopes: string[]) => (await access.key(scopes)).headers;
    assert.deepEqual(await infer([image('ID')]).then((o) => [o.status, o.code]), [16, 'unauthenticated']);
    const own = await metadata(['detect:demo']);
    assert.equal((await infer([image('ID')], {}, { metadata: own })).message.model_name, 'demo');
    const other = await metadata(['detect:zoo']);
    for (const model_name of ['demo', 'nobody']) {
      const { status, code } = await infer([image('ID')], { model_name }, { metadata: other });
      assert.deepEqual([status, code], [7, 'forbidden']);
    }
    assert.deepEqual((await oip.call('RepositoryIndex', {}, { metadata: other })).message.models.length, 1);
    assert.deepEqual((await oip.call('ServerLive')).message, { live: true });
    const manager = await metadata(['manage:demo']);
    assert.equal((await infer([image('ID')], {}, { metadata: manager })).status, 7);
  });

  it('limits of key and tenant hold, and the metadata carries them', async (t) => {
    const { infer } = await served(t, {}, { limits: { tenantImagesPerSecond: 2 }, now: () => 0 });
    const first = await infer([image('ID')]);
    assert.match(String(first.metadata['ratelimit']), /"tenant";r=\d/);
    await infer([image('ID')]);
    const refused = await infer([image('ID')]);
    assert.deepEqual([refused.status, refused.code, refused.retryAfter], [8, 'rate_limited', '1']);
  });

  it('priority and deadline of a call reach the engine', async (t) => {
    const { infer, words } = await served(t);
    await infer([image('ID')], {}, { metadata: { 'x-request-priority': 'bulk' }, deadlineMs: 1500 });
    const [request] = words.requests;
    assert.equal(request?.priority, 'bulk');
    assert.ok((request?.timeoutMs ?? 0) > 0 && (request?.timeoutMs ?? 0) <= 1500);
    const { status } = await infer([image('HANG')], {}, { deadlineMs: 200 });
    assert.equal(status, 4);
  });

  it('work stops when the client cancels', async (t) => {
    const { oip, words } = await served(t);
    const outcome = oip.call(
      'ModelInfer',
      {
        model_name: 'demo',
        inputs: [{ name: 'image', datatype: 'BYTES', shape: [1], contents: { bytes_contents: [image('HANG')] } }],
      },
      { deadlineMs: 300 },
    );
    assert.equal((await outcome).status, 4);
    await until('the work is aborted', 20_000, () => words.aborted > 0);
    assert.equal(words.aborted, 1);
  });

  it('counts and logs calls by their path, with the status that HTTP would have', async (t) => {
    const { infer, metrics, log } = await served(t);
    await infer([image('ID')]);
    await infer([image('BAD')]);
    const text = await metrics.registry.metrics();
    const route = 'route="/inference.GRPCInferenceService/ModelInfer",method="POST"';
    assert.ok(text.includes(`clipn_requests_total{${route},status="200"} 1`), text);
    assert.ok(text.includes(`clipn_requests_total{${route},status="422"} 1`));
    assert.match(text, /clipn_decisions_total\{tenant="demo",method="ctw",decision="id"\} 1/);
    assert.ok(log.some((line) => line.includes('"path":"/inference.GRPCInferenceService/ModelInfer"')));
    assert.ok(log.some((line) => line.includes('"code":"image_undecodable"')));
  });

  it('the health check follows readiness', async (t) => {
    const { address, engine } = await served(t);
    const health = grpcClient(t, address, 'Health');
    assert.deepEqual((await health.call('Check')).message, { status: 1 });
    engine.status = { ...engine.status, state: 'restarting' };
    assert.deepEqual((await health.call('Check', { service: 'inference.GRPCInferenceService' })).message, {
      status: 2,
    });
    assert.equal((await health.call('Check', { service: 'x' })).status, 5);
  });
});
