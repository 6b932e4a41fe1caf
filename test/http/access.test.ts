import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { testApp } from '../helpers/app.ts';
import { image as jpeg } from '../helpers/gate.ts';

const image = (headers: Record<string, string> = {}, url = '/v1/detect') => ({
  method: 'POST' as const,
  url,
  headers: { 'content-type': 'image/png', ...headers },
  payload: Buffer.from('picture'),
});

describe('API keys over HTTP', () => {
  it('a key is accepted as bearer token or x-api-key; any other request gets 401 with WWW-Authenticate', async (t) => {
    const { app, access } = await testApp(t, {}, { mode: 'keys' });
    const { key } = await access.key(['detect:demo']);
    for (const headers of [
      { authorization: `Bearer ${key}` },
      { authorization: `bearer  ${key}` },
      { 'x-api-key': key },
      { 'x-api-key': key, authorization: 'Basic dXNlcjpwYXNz' },
    ])
      assert.equal((await app.inject(image(headers))).statusCode, 200);
    const none = await app.inject(image());
    assert.deepEqual(
      [none.statusCode, none.json().code, none.headers['www-authenticate']],
      [401, 'unauthenticated', 'Bearer realm="clipn-gate"'],
    );
    for (const headers of [
      { authorization: `Bearer ${key}x` },
      { 'x-api-key': '' },
      { 'x-api-key': 'wrong', authorization: `Bearer ${key}` },
    ]) {
      const wrong = await app.inject(image(headers));
      assert.deepEqual(
        [wrong.statusCode, wrong.headers['www-authenticate']],
        [401, 'Bearer realm="clipn-gate", error="invalid_token"'],
      );
    }
    assert.equal((await app.inject(image({ authorization: `Basic ${key}` }))).statusCode, 401);
  });

  it('a request that names its tenant twice is refused', async (t) => {
    const { app, access } = await testApp(t, {}, { mode: 'keys' });
    const { headers } = await access.key(['detect:demo']);
    assert.equal((await app.inject(image(headers, '/v1/detect?tenant=demo&tenant=zoo'))).statusCode, 403);
    const all = await access.key(['detect:*']);
    assert.equal((await app.inject(image(all.headers, '/v1/detect?tenant=demo&tenant=zoo'))).statusCode, 400);
  });

  it('keys are created, listed, used and revoked over HTTP; the secret is shown once and stored nowhere', async (t) => {
    const { app, access, log } = await testApp(t, {}, { mode: 'keys' });
    const { headers, id: adminId } = await access.key(['admin']);
    const made = await app.inject({
      method: 'POST',
      url: '/v1/admin/keys',
      headers,
      payload: {
        name: 'camera 1',
        scopes: ['detect:demo'],
        limits: { images_per_second: 50 },
        expires_at: '2999-01-01T00:00:00Z',
      },
    });
    assert.equal(made.statusCode, 201);
    assert.equal(made.headers['cache-control'], 'no-store');
    const { key, ...view } = made.json();
    assert.deepEqual(
      [view.prefix, view.name, view.scopes, view.state, view.created_by, view.last_used_at],
      [`clipn_${view.id}_`, 'camera 1', ['detect:demo'], 'active', adminId, null],
    );
    assert.ok(key.startsWith(view.prefix));
    assert.equal((await app.inject(image({ 'x-api-key': key }))).statusCode, 200);

    const list = await app.inject({ url: '/v1/admin/keys', headers });
    assert.equal(list.json().keys.length, 2);
    const listed = list.json().keys.find((k: { id: string }) => k.id === view.id);
    assert.ok(Date.now() - Date.parse(listed.last_used_at) < 10_000);
    assert.deepEqual({ ...listed, last_used_at: null }, view);
    const pages = await app.inject({ url: '/v1/admin/keys?limit=1', headers });
    assert.deepEqual([pages.json().keys.length, pages.json().next], [1, pages.json().keys[0].id]);
    const last = await app.inject({ url: `/v1/admin/keys?limit=1&after=${pages.json().next}`, headers });
    assert.deepEqual([last.json().keys.length, last.json().next], [1, null]);

    const revoke = { method: 'DELETE' as const, url: `/v1/admin/keys/${view.id}`, headers };
    assert.equal((await app.inject(revoke)).statusCode, 204);
    assert.equal((await app.inject(revoke)).statusCode, 204, 'once more changes nothing');
    assert.equal((await app.inject(image({ 'x-api-key': key }))).statusCode, 401);
    const unknown = await app.inject({ ...revoke, url: '/v1/admin/keys/0000000000' });
    assert.deepEqual([unknown.statusCode, unknown.json().code], [404, 'key_not_found']);
    assert.equal(access.audit.entries.filter((e) => e.target === view.id).length, 2);

    const secret = key.slice(view.prefix.length);
    for (const text of [
      list.body,
      log.join(''),
      JSON.stringify(access.audit.entries),
      JSON.stringify([...access.store.records]),
    ])
      assert.ok(!text.includes(secret));
    for (const text of [list.body, log.join('')]) assert.ok(!text.includes('"hash"'));
  });

  it('an invalid key definition gets an error that names the fault', async (t) => {
    const { app } = await testApp(t);
    const wish = { name: 'x', scopes: ['admin'] };
    for (const [payload, pattern] of [
      [{}, /name/],
      [{ ...wish, scopes: [] }, /scopes/],
      [{ ...wish, scopes: ['root'] }, /not a scope/],
      [{ ...wish, expires_at: '2001-01-01T00:00:00Z' }, /passed/],
      [{ ...wish, expires_at: 'tomorrow' }, /not a valid time/],
      [{ ...wish, limits: { images_per_second: -1 } }, /images_per_second/],
      [{ ...wish, admin: true }, /has an unknown property \\"admin\\"; its properties are name, scopes/],
    ] as const) {
      const response = await app.inject({ method: 'POST', url: '/v1/admin/keys', payload });
      assert.deepEqual([response.statusCode, response.json().code], [400, 'invalid_request'], JSON.stringify(payload));
      assert.match(response.body, pattern);
    }
  });

  it('no key appears in the log, wherever a client puts it', async (t) => {
    const { app, access, log } = await testApp(t, {}, { mode: 'keys' });
    const { key, headers, id } = await access.key(['admin']);
    const secret = key.slice(`clipn_${id}_`.length);
    for (const url of [
      `/${key}`,
      `/v1/tenants/${key}`,
      `/v1/detect?tenant=${key}`,
      `/v1/admin/keys/${key}`,
      `/v1/admin/audit?before=${key}`,
      `/%zz${key}`,
    ]) {
      for (const method of ['GET', 'POST', 'DELETE'] as const)
        await app.inject({ method, url, headers: { ...headers, 'x-request-id': key } });
    }
    await app.inject({ method: 'PUT', url: '/v1/tenants/zoo', headers, payload: { classes: [key, 7] } });
    assert.ok(log.length > 10);
    assert.ok(
      !log.join('').includes(secret),
      log.find((l) => l.includes(secret)),
    );
    assert.ok(log.join('').includes(`clipn_${id}_[redacted]`));
    assert.ok(log.join('').includes(`"key":"${id}"`), 'the log says whose request it was');
  });

  it('the list of tenants shows those that the key may manage', async (t) => {
    const { app, access, registry } = await testApp(t, {}, { mode: 'keys' });
    for (const id of ['team-a', 'team-b', 'zoo']) await registry.put(id, { classes: ['x', 'y'] }, { waitMs: 1000 });
    const ids = async (scopes: string[], query = '') => {
      const { headers } = await access.key(scopes);
      const { tenants, next } = (await app.inject({ url: `/v1/tenants${query}`, headers })).json();
      return [tenants.map((x: { tenant: string }) => x.tenant), next];
    };
    assert.deepEqual(await ids(['manage:team-*', 'detect:*']), [['team-a', 'team-b'], null]);
    assert.deepEqual(await ids(['manage:team-*'], '?limit=1'), [['team-a'], 'team-a']);
    assert.deepEqual(await ids(['admin']), [['demo', 'team-a', 'team-b', 'zoo'], null]);
    assert.deepEqual(await ids(['manage:nowhere']), [[], null]);
  });

  it('/metrics and /docs are open or need a key, by configuration', async (t) => {
    const closed = await testApp(t, { openDocs: false }, { mode: 'keys' });
    const { headers } = await closed.access.key(['detect:demo']);
    const metrics = await closed.access.key(['metrics']);
    for (const url of ['/docs/', '/openapi.json', '/metrics'])
      assert.equal((await closed.app.inject(url)).statusCode, 401, url);
    assert.equal((await closed.app.inject({ url: '/openapi.json', headers })).statusCode, 200, 'any key will do');
    assert.equal((await closed.app.inject({ url: '/metrics', headers })).statusCode, 403);
    assert.equal((await closed.app.inject({ url: '/metrics', headers: metrics.headers })).statusCode, 200);
    const open = await testApp(t, { openMetrics: true }, { mode: 'keys' });
    for (const url of ['/docs/', '/openapi.json', '/metrics', '/livez', '/readyz'])
      assert.equal((await open.app.inject(url)).statusCode, 200, url);
  });
});

describe('limits over HTTP', () => {
  it('a key over its images per second gets 429 rate_limited with Retry-After and RateLimit; images count, not requests', async (t) => {
    let now = 0;
    const { app, access, engine } = await testApp(t, {}, { mode: 'keys', now: () => now });
    const { headers } = await access.key(['detect:*'], { images_per_second: 3 });
    const two = { images: [{ data: 'AAAA' }, { data: 'AAAA' }] };
    const send = () => app.inject({ method: 'POST', url: '/v1/detect', headers, payload: two });
    const first = await send();
    assert.deepEqual(
      [first.statusCode, first.headers['ratelimit'], first.headers['ratelimit-policy']],
      [200, '"key";r=1;t=1', '"key";q=3;w=1'],
    );
    assert.equal((await send()).statusCode, 200);
    const third = await send();
    assert.deepEqual(
      [third.statusCode, third.json().code, third.headers['retry-after'], third.headers['ratelimit']],
      [429, 'rate_limited', '1', '"key";r=0;t=1'],
    );
    assert.equal(engine.requests.length, 4, 'what is refused costs the device nothing');
    now += 1000;
    assert.equal((await send()).statusCode, 200);
  });

  it('images count against one limit, whichever way they are sent', async (t) => {
    let now = 0;
    const { app, access } = await testApp(t, {}, { mode: 'keys', now: () => now });
    const { headers } = await access.key(['detect:*'], { images_per_second: 1 });
    const tensor = { name: 'image', shape: [1], datatype: 'BYTES', data: ['AAAA'] };
    const ways = [
      [429, image(headers)],
      [503, { ...image({ ...headers, 'content-type': 'image/jpeg' }, '/v1/ext-authz/x'), payload: jpeg('ID') }],
      [429, { method: 'POST', url: '/v2/models/demo/infer', headers, payload: { inputs: [tensor] } }],
    ] as const;
    for (const [full, request] of ways) {
      now += 10_000;
      const passed = await app.inject(request);
      // the decision of the fake engine does not matter here: a verdict was given
      assert.ok(passed.statusCode !== full && passed.statusCode !== 400, `${request.url}: ${passed.body}`);
      for (const [refused, other] of ways) {
        const response = await app.inject(other);
        assert.deepEqual([response.statusCode, /rate_limited|images per second/.test(response.body)], [refused, true]);
      }
    }
  });

  it('a key over its concurrent requests is served again when one ends, also with an error', async (t) => {
    const { app, access, engine } = await testApp(t, {}, { mode: 'keys' });
    const { headers } = await access.key(['detect:*'], { concurrent_requests: 1 });
    let release = () => {};
    engine.gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const first = app.inject(image(headers));
    while (engine.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const second = await app.inject(image(headers));
    assert.deepEqual(
      [second.statusCode, second.json().code, second.headers['retry-after']],
      [429, 'rate_limited', '1'],
    );
    release();
    assert.equal((await first).statusCode, 200);
    assert.equal((await app.inject(image(headers, '/v1/detect?tenant=none'))).statusCode, 404);
    assert.equal((await app.inject(image(headers))).statusCode, 200);
  });

  it('a key over its quota gets 429 quota_exceeded without Retry-After', async (t) => {
    const { app, access } = await testApp(t, {}, { mode: 'keys' });
    const { headers } = await access.key(['manage:team-*'], { tenants: 1, classes: 3 });
    const put = (id: string, classes: string[]) =>
      app.inject({ method: 'PUT', url: `/v1/tenants/${id}`, headers, payload: { classes } });
    const over = await put('team-a', ['a', 'b', 'c', 'd']);
    assert.deepEqual(
      [over.statusCode, over.json().code, over.headers['retry-after']],
      [429, 'quota_exceeded', undefined],
    );
    assert.equal((await put('team-a', ['a', 'b', 'c'])).statusCode, 201);
    assert.equal((await put('team-b', [])).statusCode, 400);
    assert.equal((await put('team-b', ['a'])).json().limited, 'tenants');
    assert.equal((await put('team-a', ['a'])).statusCode, 200);
  });
});
