import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { ServiceError } from '../../src/errors/index.ts';
import type { AuditRecord } from '../../src/gate/audit/record.ts';
import { parseGateFile } from '../../src/gate/index.ts';
import { testApp } from '../helpers/app.ts';
import { image, WordEngine } from '../helpers/gate.ts';

async function authz(t: TestContext, file?: object) {
  const settings = file && parseGateFile(JSON.stringify({ upstream: { url: 'http://x' }, ...file }), 'test');
  const trail: Omit<AuditRecord, 'bundle'>[] = [];
  const test = await testApp(t, {}, {}, undefined, {
    ...(settings && { gate: { settings: () => settings, audit: () => ({ write: (r) => void trail.push(r) }) } }),
  });
  const words = new WordEngine();
  test.engine.detect = (request, signal) => words.detect(request, signal);
  const ask = (
    payload: Buffer | undefined,
    {
      url = '/v1/ext-authz/predict?x=1',
      method = 'POST' as const,
      headers = {},
    }: { url?: string; method?: 'POST' | 'GET'; headers?: object } = {},
  ) =>
    test.app.inject({
      method,
      url,
      headers: { ...(payload ? { 'content-type': 'image/jpeg' } : {}), ...headers },
      ...(payload ? { payload } : {}),
    });
  return { ...test, words, ask, trail };
}

describe('/v1/ext-authz', () => {
  it('ext_authz answers 200 for an ID image and 403 for an OOD one, each with headers', async (t) => {
    const { ask, metrics } = await authz(t);
    const id = await ask(image('ID'));
    assert.deepEqual([id.statusCode, id.headers['x-clipn-verdict'], id.body], [200, 'id', '']);
    const ood = await ask(image('OOD'));
    assert.deepEqual(
      [ood.statusCode, ood.headers['x-clipn-verdict'], ood.json().code],
      [403, 'ood', 'out_of_distribution'],
    );
    assert.equal(ood.json().status, 403);
    assert.match(
      await metrics.registry.metrics(),
      /clipn_gate_requests_total\{tenant="demo",mode="enforce",verdict="ood",action="reject"\} 1/,
    );
  });

  it('ext_authz answers 503, never 429, when there is no verdict', async (t) => {
    const { ask } = await authz(t);
    for (const word of ['DOWN', 'BUSY', 'LATE']) {
      const answer = await ask(image(word));
      assert.equal(answer.statusCode, 503, word);
      assert.ok(answer.headers['retry-after']);
      assert.equal(answer.json().code, 'not_checked');
    }
    const part = await ask(image('ID'), { headers: { 'x-envoy-auth-partial-body': 'true' } });
    assert.deepEqual([part.statusCode, part.json().cause], [503, 'too_large']);
    assert.equal((await ask(image('ID'), { headers: { 'x-clipn-tenant': 'nobody' } })).statusCode, 503);
  });

  it('ext_authz lets a request without an image pass, and refuses an image that cannot be decoded', async (t) => {
    const { ask } = await authz(t);
    assert.equal((await ask(undefined, { method: 'GET' })).statusCode, 200);
    assert.equal(
      (await ask(Buffer.from('{"a":1}'), { headers: { 'content-type': 'application/json' } })).statusCode,
      200,
    );
    assert.equal(
      (await ask(Buffer.from('a=1'), { headers: { 'content-type': 'application/x-www-form-urlencoded' } })).statusCode,
      200,
    );
    assert.equal((await ask(image('BAD'))).statusCode, 403);
    assert.equal((await ask(image('ID'), { url: '/v1/ext-authz' })).statusCode, 200);
  });

  it('ext_authz with a gate file matches the path behind the prefix with its routes', async (t) => {
    const { ask } = await authz(t, {
      routes: [
        { match: { path: '/predict' }, mode: 'enforce', adapter: 'raw', fail: 'open' },
        { match: { path: '/shadow' }, mode: 'shadow', adapter: 'raw' },
      ],
    });
    assert.equal((await ask(image('OOD'))).statusCode, 403);
    assert.deepEqual(
      [(await ask(image('DOWN'))).statusCode, (await ask(image('DOWN'))).headers['x-clipn-failure']],
      [200, 'engine_down'],
    );
    const shadow = await ask(image('OOD'), { url: '/v1/ext-authz/shadow' });
    assert.deepEqual([shadow.statusCode, shadow.headers['x-clipn-verdict']], [200, undefined]);
    assert.equal((await ask(image('OOD'), { url: '/v1/ext-authz/elsewhere' })).statusCode, 200);
  });
});

describe('/v2, the Open Inference Protocol', () => {
  const data = (bytes: Buffer) => bytes.toString('base64');
  const inputs = (...images: Buffer[]) => [
    { name: 'image', datatype: 'BYTES', shape: [images.length], data: images.map(data) },
  ];

  it('/v2 has health, server metadata and model metadata', async (t) => {
    const { app, engine } = await testApp(t);
    const get = async (url: string) => {
      const answer = await app.inject(url);
      return [answer.statusCode, answer.json()] as const;
    };
    assert.deepEqual(await get('/v2/health/live'), [200, { live: true }]);
    assert.deepEqual(await get('/v2/health/ready'), [200, { ready: true }]);
    assert.deepEqual(await get('/v2'), [
      200,
      {
        name: 'clipn-gate',
        version: '1.2.3',
        extensions: ['binary_tensor_data', 'model_configuration', 'model_repository'],
      },
    ]);
    const [status, model] = await get('/v2/models/demo');
    assert.deepEqual([status, model.versions, model.inputs[0].datatype], [200, ['1'], 'BYTES']);
    assert.deepEqual(await get('/v2/models/demo/ready'), [200, { name: 'demo', ready: true }]);
    assert.equal((await get('/v2/models/demo/versions/1/ready'))[0], 200);
    assert.equal((await get('/v2/models/demo/versions/7/ready'))[0], 404);
    const [missing, error] = await get('/v2/models/nobody');
    assert.deepEqual([missing, typeof error.error, error.code], [404, 'string', 'tenant_not_found']);
    engine.status = { ...engine.status, state: 'restarting' };
    assert.deepEqual(await get('/v2/health/ready'), [503, { ready: false }]);
    assert.equal((await get('/v2/models/demo/ready'))[0], 503);
  });

  it('/v2 infer in JSON answers one row per image with the requested outputs', async (t) => {
    const { app, ask, words } = await authz(t);
    const infer = (payload: object, url = '/v2/models/demo/infer') => app.inject({ method: 'POST', url, payload });
    const answer = (await infer({ id: 'a', inputs: inputs(image('ID'), image('OOD')) })).json();
    assert.deepEqual(
      [answer.id, answer.model_name, answer.model_version, answer.parameters.method],
      ['a', 'demo', '1', 'ctw'],
    );
    const of = (name: string) => answer.outputs.find((o: { name: string }) => o.name === name);
    assert.deepEqual(of('decision'), { name: 'decision', datatype: 'BYTES', shape: [2], data: ['id', 'ood'] });
    assert.deepEqual([of('class').data, of('probability').datatype], [['dog', 'dog'], 'FP32']);
    assert.ok(of('no_probability').data[0] < 0.5 && of('no_probability').data[1] > 0.5);
    const some = await infer({
      inputs: inputs(image('ID')),
      outputs: [{ name: 'ood_probability' }],
      parameters: { method: 'atd' },
    });
    assert.deepEqual([some.json().outputs.length, some.json().parameters.method], [1, 'atd']);
    assert.equal((await infer({ inputs: inputs(image('ID')) }, '/v2/models/demo/versions/1/infer')).statusCode, 200);
    assert.equal(words.requests.length, 4);
    assert.equal((await ask(undefined, { method: 'GET', url: '/v2/models/demo/infer' })).statusCode, 405);
  });

  it('/v2 infer takes and gives tensors in the binary extension', async (t) => {
    const { app } = await authz(t);
    const bytes = image('OOD');
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    const input = { name: 'image', datatype: 'BYTES', shape: [1], parameters: { binary_data_size: bytes.length + 4 } };
    const outputs = [{ name: 'decision', parameters: { binary_data: true } }, { name: 'ood_probability' }];
    for (const [parameters, wanted] of [
      [{ binary_data_output: true }, undefined],
      [undefined, outputs],
    ] as const) {
      const head = Buffer.from(JSON.stringify({ inputs: [input], parameters, outputs: wanted }));
      const answer = await app.inject({
        method: 'POST',
        url: '/v2/models/demo/infer',
        headers: { 'inference-header-content-length': String(head.length), 'content-type': 'application/octet-stream' },
        payload: Buffer.concat([head, length, bytes]),
      });
      assert.equal(answer.statusCode, 200);
      const at = Number(answer.headers['inference-header-content-length']);
      const json = JSON.parse(answer.rawPayload.toString('utf8', 0, at));
      const sizes = json.outputs.map(
        (o: { parameters?: { binary_data_size: number } }) => o.parameters?.binary_data_size ?? 0,
      );
      assert.deepEqual(answer.rawPayload.subarray(at, at + 7), Buffer.from('\x03\0\0\0ood', 'latin1'));
      assert.equal(answer.rawPayload.length, at + sizes.reduce((a: number, b: number) => a + b, 0));
    }
    const raw = await app.inject({
      method: 'POST',
      url: '/v2/models/demo/infer',
      headers: { 'inference-header-content-length': '0', 'content-type': 'application/octet-stream' },
      payload: bytes,
    });
    assert.deepEqual(raw.json().outputs[0].data, ['ood']);
  });

  it('/v2 errors have the form of the Open Inference Protocol', async (t) => {
    const { app, words } = await authz(t);
    const infer = async (payload: string | object, headers = {}) => {
      const answer = await app.inject({ method: 'POST', url: '/v2/models/demo/infer', payload, headers });
      assert.equal(typeof answer.json().error, 'string');
      return [answer.statusCode, answer.json().code];
    };
    assert.deepEqual(await infer('nonsense'), [400, 'invalid_request']);
    assert.deepEqual(await infer({ inputs: [] }), [400, 'no_image']);
    assert.deepEqual(await infer({ inputs: [{ name: 'i', datatype: 'BYTES', shape: [1], data: ['?'] }] }), [
      400,
      'invalid_request',
    ]);
    assert.deepEqual(await infer({ inputs: inputs(image('ID')), outputs: [{ name: 'x' }] }), [400, 'invalid_request']);
    assert.deepEqual(await infer({ inputs: inputs(image('ID')), parameters: { method: 'x' } }), [
      400,
      'invalid_request',
    ]);
    assert.deepEqual(await infer({ inputs: inputs(...Array.from({ length: 5 }, () => image('ID'))) }), [
      400,
      'too_many_images',
    ]);
    assert.deepEqual(await infer({ inputs: inputs(image('ID'), image('BAD')) }), [422, 'image_undecodable']);
    assert.deepEqual(await infer({}, { 'inference-header-content-length': '99' }), [400, 'invalid_request']);
    words.detect = async () => {
      throw new ServiceError('engine_unavailable', 'gone', { retryAfterSeconds: 1 });
    };
    assert.deepEqual(await infer({ inputs: inputs(image('ID')) }), [503, 'engine_unavailable']);
  });

  it('/v2 takes null for absent fields, and refuses a shape that does not fit its data', async (t) => {
    const { app } = await authz(t);
    const infer = async (payload: object) => {
      const answer = await app.inject({ method: 'POST', url: '/v2/models/demo/infer', payload });
      return [answer.statusCode, answer.json().code ?? answer.json().outputs.length];
    };
    const [tensor] = inputs(image('ID'));
    const nulls = { id: null, parameters: null, outputs: null };
    assert.deepEqual(await infer({ ...nulls, inputs: [{ ...tensor, parameters: null }] }), [200, 5]);
    const output = { name: 'decision', parameters: null };
    assert.deepEqual(await infer({ inputs: [tensor], parameters: { method: null }, outputs: [output] }), [200, 1]);
    assert.deepEqual(await infer({ inputs: [{ ...tensor, data: null }] }), [400, 'invalid_request']);
    assert.deepEqual(await infer({ inputs: null }), [400, 'no_image']);
    for (const shape of [[2], [1, 2], [0]])
      assert.deepEqual(await infer({ inputs: [{ ...tensor, shape }] }), [400, 'invalid_request']);
    for (const shape of [[1, 1], []]) assert.deepEqual(await infer({ inputs: [{ ...tensor, shape }] }), [200, 5]);
  });

  it('/v2 has the configuration and the index of tenants that clients ask for', async (t) => {
    const { app, access, registry } = await testApp(t, {}, { mode: 'keys' });
    await registry.put('zoo', { classes: ['lion', 'tiger'] }, { waitMs: 1000 });
    const { headers } = await access.key(['detect:demo']);
    const config = (await app.inject({ url: '/v2/models/demo/config', headers })).json();
    assert.deepEqual(
      [config.name, config.max_batch_size, config.input],
      ['demo', 0, [{ name: 'image', data_type: 'TYPE_STRING', dims: [-1] }]],
    );
    assert.equal((await app.inject({ url: '/v2/models/demo/versions/1/config', headers })).statusCode, 200);
    for (const payload of [undefined, { ready: true }, {}]) {
      const index = await app.inject({
        method: 'POST',
        url: '/v2/repository/index',
        headers,
        ...(payload && { payload }),
      });
      assert.deepEqual(index.json(), [{ name: 'demo', version: '1', state: 'READY', reason: '' }]);
    }
  });

  it('/v2 has the field error in every refusal, of addresses, methods, keys and malformed URLs too', async (t) => {
    const { app, access } = await testApp(t, {}, { mode: 'keys' });
    const { headers } = await access.key(['detect:demo']);
    const asked = [
      ['GET', '/v2/models/demo/stats', 404],
      ['GET', '/v2/nothing', 404],
      ['DELETE', '/v2', 405],
      ['POST', '/v2/models/other/infer', 403],
      ['GET', '/v2/models/%zz', 400],
    ] as const;
    for (const [method, url, status] of asked) {
      const answer = await app.inject({ method, url, headers });
      assert.deepEqual(
        [answer.statusCode, typeof answer.json().error, answer.json().status],
        [status, 'string', status],
        url,
      );
    }
    const anonymous = await app.inject('/v2/models/demo');
    assert.deepEqual([anonymous.statusCode, typeof anonymous.json().error], [401, 'string']);
    assert.equal((await app.inject({ url: '/v1/nothing', headers })).json().error, undefined);
  });

  it("decisions of ext_authz are in the gate's audit trail, with hashes and no pixels", async (t) => {
    const { ask, trail } = await authz(t, {
      routes: [{ name: 'all', match: { path: '/**' }, mode: 'enforce', tenant: 'demo' }],
    });
    assert.equal((await ask(image('ID'))).statusCode, 200);
    assert.equal((await ask(image('OOD'))).statusCode, 403);
    assert.deepEqual(
      trail.map((r) => [r.route, r.tenant, r.mode, r.enforced, r.verdict, r.action, r.images.length]),
      [
        ['all', 'demo', 'enforce', true, 'id', 'pass', 1],
        ['all', 'demo', 'enforce', true, 'ood', 'reject', 1],
      ],
    );
    const text = JSON.stringify(trail);
    assert.ok(!text.includes(image('OOD').toString('base64').slice(0, 32)) && !text.includes(image('OOD').toString()));
  });
});
