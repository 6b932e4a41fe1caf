import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { waitOf } from '../../src/http/wait.ts';
import { testApp } from '../helpers/app.ts';

const put = (id: string, body: unknown, headers: Record<string, string> = {}) => ({
  method: 'PUT' as const,
  url: `/v1/tenants/${id}`,
  payload: body as object,
  headers: { 'content-type': 'application/json', ...headers },
});

describe('/v1/tenants', () => {
  it('a tenant is created, shown, changed, listed and removed', async (t) => {
    const { app } = await testApp(t);
    const made = await app.inject(put('zoo', { classes: ['dog', 'cat'], method: 'atd' }));
    assert.equal(made.statusCode, 201);
    assert.equal(made.headers['location'], '/v1/tenants/zoo');
    const body = made.json();
    assert.deepEqual(
      [body.tenant, body.version, body.state, body.serving_version, body.class_count],
      ['zoo', 1, 'ready', 1, 2],
    );
    assert.deepEqual(body.definition, { classes: ['dog', 'cat'], method: 'atd' });
    assert.deepEqual(body.warnings, []);

    const shown = await app.inject('/v1/tenants/zoo');
    assert.equal(shown.headers['etag'], made.headers['etag']);
    assert.deepEqual(shown.json(), body);

    const same = await app.inject(put('zoo', { classes: ['dog', 'cat'], method: 'atd' }));
    assert.deepEqual([same.statusCode, same.json().version, same.headers['etag']], [200, 1, made.headers['etag']]);
    const changed = await app.inject(put('zoo', { classes: ['dog'] }));
    assert.deepEqual([changed.statusCode, changed.json().version], [200, 2]);
    assert.equal(changed.json().warnings[0].code, 'single_class');

    const list = (await app.inject('/v1/tenants?limit=1')).json();
    assert.deepEqual([list.tenants.map((x: { tenant: string }) => x.tenant), list.next], [['demo'], 'demo']);
    assert.equal((await app.inject('/v1/tenants?after=demo')).json().tenants[0].tenant, 'zoo');

    assert.equal((await app.inject({ method: 'DELETE', url: '/v1/tenants/zoo' })).statusCode, 204);
    assert.equal((await app.inject('/v1/tenants/zoo')).json().code, 'tenant_not_found');
    assert.equal((await app.inject({ method: 'DELETE', url: '/v1/tenants/zoo' })).statusCode, 404);
  });

  it('PUT with Prefer: respond-async answers 202 with progress', async (t) => {
    const { app, builder } = await testApp(t);
    builder.hold();
    const response = await app.inject(put('slow', { classes: ['slowly'] }, { prefer: 'respond-async' }));
    assert.equal(response.statusCode, 202);
    assert.equal(response.headers['retry-after'], '1');
    assert.deepEqual([response.json().state, response.json().serving_version], ['building', null]);
  });

  it('PUT waits as long as Prefer: wait says, up to the limit of the service', () => {
    assert.equal(waitOf(undefined, 30_000), 30_000);
    assert.equal(waitOf('wait=2', 30_000), 2000);
    assert.equal(waitOf('return=minimal, wait="5"', 30_000), 5000);
    assert.equal(waitOf('wait=900', 30_000), 30_000);
    assert.equal(waitOf('respond-async', 30_000), 0);
    assert.equal(waitOf('respond-async, wait=1', 30_000), 1000);
    assert.equal(waitOf('handling=strict', 30_000), 30_000);
  });

  it('If-Match and If-None-Match guard PUT and DELETE of a tenant', async (t) => {
    const { app } = await testApp(t);
    const made = await app.inject(put('zoo', { classes: ['a'] }, { 'if-none-match': '*' }));
    assert.equal((await app.inject(put('zoo', { classes: ['b'] }, { 'if-none-match': '*' }))).statusCode, 412);
    assert.equal(
      (await app.inject(put('zoo', { classes: ['b'] }, { 'if-match': '"other"' }))).json().code,
      'precondition_failed',
    );
    assert.equal(
      (await app.inject(put('zoo', { classes: ['b'] }, { 'if-match': String(made.headers['etag']) }))).statusCode,
      200,
    );
    const stale = {
      method: 'DELETE' as const,
      url: '/v1/tenants/zoo',
      headers: { 'if-match': String(made.headers['etag']) },
    };
    assert.equal((await app.inject(stale)).statusCode, 412);
  });

  it('an invalid definition gets invalid_request with the place of the fault; class names in any script are valid', async (t) => {
    const { app } = await testApp(t);
    const bad: [unknown, RegExp][] = [
      [{ classes: [] }, /classes/],
      [{}, /classes/],
      [{ classes: ['a', ''] }, /\/classes\/1/],
      [{ classes: ['a', 'x'.repeat(257)] }, /at most 256/],
      [{ classes: ['a', 7] }, /classes\/1/],
      [{ classes: 'a' }, /classes/],
      [{ classes: ['a'], method: 'best' }, /method/],
      [{ classes: ['a'], templates: ['x'] }, /\{\}/],
      [{ classes: ['a'], templates: [] }, /templates/],
      [{ classes: ['a'], colour: 'red' }, /additional|properties/],
      [{ classes: ['a\u0007'] }, /control/],
      [{ classes: ['\ud800'] }, /control/],
      [[], /object/],
    ];
    for (const [body, pattern] of bad) {
      const response = await app.inject(put('zoo', body, {}));
      assert.equal(response.statusCode, 400, JSON.stringify(body));
      assert.equal(response.json().code, 'invalid_request');
      assert.match(response.body, pattern);
    }
    const scripts = ['犬', 'собака', 'कुत्ता', 'كلب', '🐶', 'chien à poil', '"quoted"', "'; DROP TABLE", '{}', '$&'];
    const fine = await app.inject(put('zoo', { classes: scripts }));
    assert.equal(fine.statusCode, 201);
    assert.deepEqual(fine.json().definition.classes, scripts);
    assert.equal((await app.inject(put('Nope', { classes: ['a'] }))).json().code, 'invalid_request');
    assert.equal((await app.inject(put('a%2F..%2Fb', { classes: ['a'] }))).json().code, 'invalid_request');
  });

  it('a tenant of 10,000 classes is accepted, one of 10,001 refused', async (t) => {
    const { app } = await testApp(t, { maxBodyBytes: 1_000_000 });
    const classes = Array.from({ length: 10_001 }, (_, i) => `class number ${i}`);
    const fine = await app.inject(put('big', { classes: classes.slice(0, 10_000) }));
    assert.equal(fine.statusCode, 201);
    assert.equal(fine.json().class_count, 10_000);
    const refused = await app.inject(put('big', { classes }));
    assert.deepEqual([refused.statusCode, refused.json().code, refused.json().limit], [400, 'invalid_request', 10_000]);
  });
});
