import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { parseGateFile } from '../../src/gate/index.ts';
import { Sparse } from '../../src/telemetry/sparse.ts';
import { testApp } from '../helpers/app.ts';
import { image, WordEngine } from '../helpers/gate.ts';

const PREFIX = '/v1/ext-authz';

async function asked(t: TestContext, file?: object) {
  const settings = file && parseGateFile(JSON.stringify({ upstream: { url: 'http://x' }, ...file }), 'test');
  const test = await testApp(t, {}, {}, undefined, {
    ...(settings && { gate: { settings: () => settings, audit: () => undefined } }),
  });
  const words = new WordEngine();
  test.engine.detect = (request, signal) => words.detect(request, signal);
  const ask = async (headers: Record<string, string>, payload?: Buffer, url = PREFIX, method: 'GET' | 'POST' = 'GET') =>
    (await test.app.inject({ method, url, headers, ...(payload ? { payload } : {}) })).statusCode;
  const counted = async () =>
    [...(await test.metrics.registry.metrics()).matchAll(/incomplete_bodies_total\{kind="(\w+)"\} (\d+)/g)].map(
      ([, kind, times]) => `${kind} ${times}`,
    );
  return { ...test, ask, counted };
}

const post = (uri: string, more = {}) => ({ 'x-forwarded-method': 'POST', 'x-forwarded-uri': uri, ...more });
const jpeg = { 'content-type': 'image/jpeg' };

describe('external authorization for proxies that name the request in headers', () => {
  const FILE = {
    routes: [
      { match: { path: '/predict' }, mode: 'enforce' },
      { match: { path: '/open' }, mode: 'enforce', fail: 'open' },
      { match: { path: '/read', methods: ['GET'] }, mode: 'enforce' },
    ],
  };

  it('X-Forwarded-Method and X-Forwarded-Uri name the route, when the prefix alone is asked', async (t) => {
    const { ask } = await asked(t, FILE);
    assert.equal(await ask(post('/predict?x=1', jpeg), image('OOD'), PREFIX, 'POST'), 403);
    assert.equal(await ask(post('/predict', jpeg), image('ID'), `${PREFIX}?a=b`, 'POST'), 200);
    assert.equal(await ask(post('/elsewhere', jpeg), image('OOD'), PREFIX, 'POST'), 200);
    assert.equal(await ask(post('https://host/predict', jpeg), image('OOD'), PREFIX, 'POST'), 403);
    assert.equal(
      await ask({ ...post('/predict', jpeg), 'x-forwarded-method': 'post' }, image('OOD'), PREFIX, 'POST'),
      403,
    );
  });

  it('behind the prefix a client cannot choose another route by these headers', async (t) => {
    const { ask } = await asked(t, FILE);
    const forged = { ...post('/elsewhere', jpeg), 'x-forwarded-method': 'GET' };
    assert.equal(await ask(forged, image('OOD'), `${PREFIX}/predict`, 'POST'), 403);
  });

  it('a header that names the request twice gives no verdict', async (t) => {
    const { app } = await asked(t, FILE);
    await app.listen({ host: '127.0.0.1', port: 0 });
    const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
    const uris = 'X-Forwarded-Uri: /elsewhere\r\nX-Forwarded-Uri: /predict\r\n';
    socket.end(`GET ${PREFIX} HTTP/1.1\r\nHost: localhost\r\n${uris}Connection: close\r\n\r\n`);
    const [first] = (await once(socket, 'data')) as [Buffer];
    assert.match(String(first), /^HTTP\/1.1 503 /);
  });

  it('a body that was announced and not sent is answered by the fail policy, counted, and logged once', async (t) => {
    const { ask, counted, log } = await asked(t, FILE);
    const signs: Record<string, string>[] = [
      jpeg,
      { 'content-type': 'application/json' },
      { 'content-encoding': 'gzip' },
      { expect: '100-continue' },
      { 'x-original-content-length': '5000' },
      { 'x-forwarded-content-length': '5000' },
    ];
    for (const sign of signs) {
      assert.equal(await ask(post('/predict', sign)), 403, JSON.stringify(sign));
      assert.equal(await ask(post('/open', sign)), 200, JSON.stringify(sign));
    }
    assert.deepEqual(await counted(), [`missing ${2 * signs.length}`]);
    assert.equal(log.filter((line) => line.includes('without the bodies')).length, 1);
  });

  it('a question by GET that names no method counts as one about every method with a body', async (t) => {
    const { ask, counted } = await asked(t, FILE);
    assert.equal(await ask({ 'x-forwarded-uri': '/predict', 'content-type': 'application/json' }), 403);
    // nginx with the path behind the prefix: only the type says that there was a body
    assert.equal(await ask({ 'content-type': 'multipart/form-data; boundary=x' }, undefined, `${PREFIX}/predict`), 403);
    assert.deepEqual(await counted(), ['missing 2']);
  });

  it('requests without a body pass: a GET with the type of JSON, a POST without a type, a length of 0', async (t) => {
    const { ask, counted } = await asked(t, FILE);
    assert.equal(await ask({ 'content-type': 'application/json' }, undefined, `${PREFIX}/read`), 200);
    assert.equal(await ask(post('/predict')), 200);
    assert.equal(await ask(post('/predict', { 'x-original-content-length': '0', ...jpeg })), 200);
    assert.equal(await ask({ 'x-forwarded-method': 'GET', 'x-forwarded-uri': '/predict' }), 200);
    assert.deepEqual(await counted(), []);
  });

  it('a body that was sent in part is too large, with and without the header of Envoy', async (t) => {
    const { ask, counted } = await asked(t, FILE);
    const bytes = image('ID');
    const whole = String(bytes.length);
    for (const sign of [
      { 'x-original-content-length': String(bytes.length + 1) },
      { 'x-envoy-auth-partial-body': 'true' },
    ])
      assert.equal(await ask(post('/predict', { ...jpeg, ...sign }), bytes, PREFIX, 'POST'), 503);
    assert.equal(
      await ask(post('/predict', { ...jpeg, 'x-original-content-length': whole }), bytes, PREFIX, 'POST'),
      200,
    );
    assert.deepEqual(await counted(), ['partial 2']);
  });

  it('malformed and long paths and rare methods are no refusal where no route looks', async (t) => {
    const { app, log } = await asked(t, { routes: [{ match: { path: '/predict' }, mode: 'enforce' }] });
    for (const path of ['/%zz', '/a%', `/${'x'.repeat(4000)}`, '//', '/..;/%2e%2e/'])
      for (const method of ['GET', 'POST', 'PROPFIND', 'REPORT', 'PURGE', 'LOCK', 'M-SEARCH'] as const) {
        const answer = await app.inject({ method: method as 'GET', url: `${PREFIX}${path}` });
        assert.equal(answer.statusCode, 200, `${method} ${path.slice(0, 20)}`);
      }
    assert.ok(log.some((line) => line.includes(`"path":"${PREFIX}/%zz"`)));
    const elsewhere = await app.inject({ method: 'PROPFIND' as 'GET', url: '/v1/detect' });
    assert.ok([404, 405].includes(elsewhere.statusCode));
  });
});

describe('a line for something that happens again and again', () => {
  it('comes at once, and then with the count of the time between', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const said: number[] = [];
    const sparse = new Sparse((times) => said.push(times), 1000);
    for (let i = 0; i < 5; i++) sparse.note();
    assert.deepEqual(said, [1]);
    t.mock.timers.tick(1000);
    assert.deepEqual(said, [1, 4]);
    t.mock.timers.tick(1000);
    sparse.note();
    assert.deepEqual(said, [1, 4, 1]);
  });
});
