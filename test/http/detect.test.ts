import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { InjectOptions } from 'fastify';
import { ServiceError } from '../../src/errors/index.ts';
import { multipart, testApp } from '../helpers/app.ts';

const post = { method: 'POST' as const, url: '/v1/detect' };
const raw = (data: string | Buffer, type = 'image/png') => ({
  ...post,
  payload: data,
  headers: { 'content-type': type },
});
const json = (body: unknown) => ({ ...post, payload: body as object });
const b64 = (text: string) => Buffer.from(text).toString('base64');

function problem(
  response: { statusCode: number; headers: Record<string, unknown>; json(): Record<string, unknown> },
  status: number,
  code: string,
) {
  const body = response.json();
  assert.equal(response.statusCode, status, JSON.stringify(body));
  assert.match(String(response.headers['content-type']), /^application\/problem\+json/);
  assert.equal(body['code'], code);
  assert.equal(body['status'], status);
  assert.equal(body['type'], `urn:clipn-gate:problem:${code}`);
  assert.ok(String(body['detail']).length > 10);
  assert.equal(body['instance'], response.headers['x-request-id']);
  return body;
}

describe('POST /v1/detect', () => {
  it('raw, multipart and JSON bodies of one image get the same verdict', async (t) => {
    const { app } = await testApp(t);
    const replies = await Promise.all([
      app.inject(raw('PHOTO')),
      app.inject(raw('PHOTO', 'application/octet-stream')),
      app.inject({ ...post, ...multipart([{ data: 'PHOTO' }]) }),
      app.inject(json({ images: [{ id: 'x', data: b64('PHOTO') }] })),
      app.inject(json({ images: [{ data: `data:image/png;base64,${b64('PHOTO')}` }] })),
    ]);
    const results = replies.map((r) => r.json().results[0]);
    assert.deepEqual(
      replies.map((r) => r.statusCode),
      [200, 200, 200, 200, 200],
    );
    assert.deepEqual(
      results.map((r) => r.id),
      ['image', 'image', 'a.png', 'x', '0'],
    );
    for (const r of results) assert.deepEqual({ ...r, id: '' }, { ...results[0], id: '' });
  });

  it('the reply of /v1/detect has every field of the contract', async (t) => {
    const { app, registry } = await testApp(t);
    await registry.put('demo', { classes: ['dog', 'cat'], method: 'atd' }, { waitMs: 1000 });
    const body = (await app.inject(raw('PHOTO'))).json();
    assert.deepEqual(Object.keys(body), ['tenant', 'tenant_version', 'model', 'results', 'timing_ms']);
    assert.deepEqual([body.tenant, body.tenant_version, body.model], ['demo', 2, { name: 'fake', version: '1.2.3' }]);
    const [r] = body.results;
    assert.deepEqual(Object.keys(r), [
      'id',
      'decision',
      'method',
      'prediction',
      'no_probability',
      'ood_probability',
      'decisions',
      'scores',
      'top',
      'image',
    ]);
    assert.deepEqual(Object.keys(r.prediction), ['class', 'index', 'probability']);
    assert.deepEqual(Object.keys(r.decisions), ['ctw', 'atd', 'atd_rescaled']);
    assert.deepEqual(Object.keys(r.scores), ['ctw', 'atd', 'msp', 'max_logit', 'energy', 'mcm']);
    assert.deepEqual(Object.keys(r.top[0]), ['class', 'index', 'probability', 'no_probability']);
    assert.deepEqual(Object.keys(r.image), ['sha256', 'width', 'height', 'format']);
    assert.deepEqual(Object.keys(body.timing_ms), ['decode', 'queue', 'inference', 'total']);
    assert.deepEqual([r.method, r.decision], ['atd', r.decisions.atd]);
  });

  it('a request to /v1/detect chooses method and top_k', async (t) => {
    const { app, engine } = await testApp(t);
    for (const [method, key] of [
      ['ctw', 'ctw'],
      ['atd', 'atd'],
      ['atd-rescaled', 'atd_rescaled'],
    ] as const) {
      const r = (await app.inject({ ...raw('PHOTO'), url: `/v1/detect?method=${method}&top_k=1` })).json().results[0];
      assert.deepEqual([r.method, r.decision, r.top.length], [method, r.decisions[key], 1]);
    }
    assert.equal((await app.inject({ ...raw('x'), url: '/v1/detect?top_k=0' })).json().results[0].top.length, 0);
    problem(await app.inject({ ...raw('x'), url: '/v1/detect?method=best' }), 400, 'invalid_request');
    problem(await app.inject({ ...raw('x'), url: '/v1/detect?top_k=-1' }), 400, 'invalid_request');
    problem(await app.inject({ ...raw('x'), url: '/v1/detect?top_k=many' }), 400, 'invalid_request');
    assert.equal(engine.requests.length, 4);
  });

  it('several files are answered in order with their names, and one bad image fails alone', async (t) => {
    const { app } = await testApp(t);
    const files = ['one', 'BAD', 'three'].map((data, i) => ({ data, filename: `${i}.png` }));
    const response = await app.inject({ ...post, ...multipart(files) });
    assert.equal(response.statusCode, 200);
    const { results } = response.json();
    assert.deepEqual(
      results.map((r: { id: string }) => r.id),
      ['0.png', '1.png', '2.png'],
    );
    assert.equal(results[1].error.code, 'image_undecodable');
    assert.equal(results[1].decision, undefined);
    assert.ok(results[0].decision && results[2].decision);
    assert.ok(!response.body.includes('secret detail'), 'internal texts stay inside');
  });

  it('a single bad image makes the whole reply a problem', async (t) => {
    const { app, log } = await testApp(t);
    const response = await app.inject(raw('BAD'));
    problem(response, 422, 'image_undecodable');
    assert.ok(!response.body.includes('secret detail'));
    assert.ok(
      log.some((line) => line.includes('secret detail')),
      'the log has it',
    );
  });

  it('a request whose images all fail for a temporary reason fails, so that a client tries again', async (t) => {
    const { app, engine } = await testApp(t);
    engine.failure = new ServiceError('overloaded', 'Too many images are waiting.', { retryAfterSeconds: 7 });
    const response = await app.inject({ ...post, ...multipart([{ data: 'a' }, { data: 'b' }]) });
    const body = problem(response, 429, 'overloaded');
    assert.equal(response.headers['retry-after'], '7');
    assert.equal(body['retry_after'], 7);
    engine.failure = new ServiceError('engine_unavailable', 'The engine is being restarted.', { retryAfterSeconds: 1 });
    problem(await app.inject(raw('a')), 503, 'engine_unavailable');
  });

  it('an unknown or unready tenant is answered before the body is read', async (t) => {
    const { app, registry, builder } = await testApp(t);
    builder.hold();
    problem(await app.inject({ ...raw('x'), url: '/v1/detect?tenant=nobody' }), 404, 'tenant_not_found');
    await registry.put('slow', { classes: ['slowly'] }, { waitMs: 0 });
    const response = await app.inject({ ...raw('x'), url: '/v1/detect?tenant=slow' });
    problem(response, 409, 'tenant_not_ready');
    assert.equal(response.headers['retry-after'], '1');
  });

  it('each kind of body without an image is refused with its own code', async (t) => {
    const { app, engine } = await testApp(t);
    const cases: [InjectOptions, number, string][] = [
      [{ ...post }, 400, 'no_image'],
      [raw(''), 400, 'no_image'],
      [{ ...post, ...multipart([]) }, 400, 'no_image'],
      [json({ images: [] }), 400, 'invalid_request'],
      [json({}), 400, 'invalid_request'],
      [json({ images: [{ data: 5 }] }), 400, 'invalid_request'],
      [json({ images: [{ data: 'x', extra: 1 }] }), 400, 'invalid_request'],
      [json({ images: [{ data: '%%%' }] }), 400, 'invalid_request'],
      [{ ...raw('{"images": [', 'application/json') }, 400, 'invalid_request'],
      [{ ...raw('', 'application/json') }, 400, 'invalid_request'],
      [raw('x', 'text/html'), 415, 'unsupported_media_type'],
      [raw('x', 'multipart/form-data'), 415, 'unsupported_media_type'],
      [{ ...post, ...multipart(Array.from({ length: 5 }, () => ({ data: 'a' }))) }, 400, 'too_many_images'],
      [json({ images: Array.from({ length: 5 }, () => ({ data: b64('a') })) }), 400, 'too_many_images'],
      [raw('x'.repeat(10_001)), 413, 'payload_too_large'],
      [raw('x'.repeat(30_001)), 413, 'payload_too_large'],
      [{ ...post, ...multipart([{ data: 'x'.repeat(10_001) }]) }, 413, 'payload_too_large'],
      [
        { ...post, ...multipart(Array.from({ length: 4 }, () => ({ data: 'x'.repeat(9_000) }))) },
        413,
        'payload_too_large',
      ],
    ];
    for (const [request, status, code] of cases) problem(await app.inject(request), status, code);
    assert.equal(engine.requests.length, 0);
  });

  it('a file above the size limit among several fails alone', async (t) => {
    const { app } = await testApp(t);
    const { results } = (
      await app.inject({ ...post, ...multipart([{ data: 'fine' }, { data: 'x'.repeat(10_001) }]) })
    ).json();
    assert.equal(results[1].error.code, 'payload_too_large');
    assert.ok(results[0].decision);
  });

  it('a truncated multipart form gets 400', async (t) => {
    const { app } = await testApp(t);
    const { payload, headers } = multipart([{ data: 'x'.repeat(5000) }]);
    problem(await app.inject({ ...post, headers, payload: payload.subarray(0, 3000) }), 400, 'invalid_request');
  });

  it('decisions and rejections are counted in the metrics', async (t) => {
    const { app, metrics } = await testApp(t);
    await app.inject(raw('PHOTO'));
    await app.inject(raw('BAD'));
    const text = await metrics.registry.metrics();
    assert.match(text, /clipn_decisions_total\{tenant="demo",method="ctw",decision="(id|ood)"\} 1/);
    assert.match(text, /clipn_images_rejected_total\{reason="image_undecodable"\} 1/);
    assert.match(text, /clipn_requests_total\{route="\/v1\/detect",method="POST",status="422"\} 1/);
    assert.match(text, /clipn_no_probability_count\{tenant="demo"\} 1/);
  });

  it('a request is one line in the log with its id, and nothing of an image', async (t) => {
    const { app, log } = await testApp(t);
    const response = await app.inject({
      ...raw('PHOTOBYTES'),
      headers: { 'content-type': 'image/png', 'x-request-id': 'my-id.1' },
    });
    assert.equal(response.headers['x-request-id'], 'my-id.1');
    const hostile = await app.inject({
      ...raw('PHOTOBYTES'),
      headers: { 'content-type': 'image/png', 'x-request-id': 'a b\tc' },
    });
    assert.match(String(hostile.headers['x-request-id']), /^[0-9a-f-]{36}$/);
    const line = JSON.parse(log.find((l) => l.includes('my-id.1')) as string);
    assert.equal(line.status, 200);
    assert.equal(line.path, '/v1/detect');
    const all = log.join('');
    assert.ok(!all.includes('PHOTOBYTES') && !all.includes(b64('PHOTOBYTES')));
  });
});
