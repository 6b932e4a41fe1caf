import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { InjectOptions } from 'fastify';
import { originsOf } from '../../src/http/plugins/cors.ts';
import { testApp } from '../helpers/app.ts';

const PAGE = 'https://app.example.com';
const page = { origin: PAGE, 'sec-fetch-site': 'cross-site' };
const DETECT: InjectOptions = { method: 'POST', url: '/v1/detect', payload: 'PHOTO' };
const PUT: InjectOptions = { method: 'PUT', url: '/v1/tenants/zoo', payload: { classes: ['lion'] } };
const preflight = (url: string, method: string, headers: Record<string, string> = page): InjectOptions => ({
  method: 'OPTIONS',
  url,
  headers: { ...headers, 'access-control-request-method': method, 'access-control-request-headers': 'x-api-key' },
});
const allowed = (reply: { headers: Record<string, unknown> }) => reply.headers['access-control-allow-origin'];

describe('pages of other origins (CLIPN_CORS_ORIGINS)', () => {
  it('a listed page gets verdicts without keys, and refusals that it can read', async (t) => {
    const { app } = await testApp(t, {
      corsOrigins: `http://localhost:3000, ${PAGE}`,
    });
    const ask = await app.inject(preflight('/v1/detect', 'POST'));
    assert.deepEqual([ask.statusCode, allowed(ask)], [204, PAGE]);
    assert.equal(ask.headers['access-control-allow-methods'], 'POST');
    assert.match(String(ask.headers['access-control-allow-headers']), /x-api-key/);
    assert.match(String(ask.headers['vary']), /origin/i);
    const verdict = await app.inject({ ...DETECT, headers: { ...page, 'content-type': 'image/png' } });
    assert.deepEqual([verdict.statusCode, allowed(verdict)], [200, PAGE]);
    assert.match(String(verdict.headers['access-control-expose-headers']), /retry-after/);
    assert.equal(verdict.headers['access-control-allow-credentials'], undefined);
    const refused = await app.inject({ ...DETECT, headers: { ...page, 'content-type': 'text/plain' } });
    assert.deepEqual([refused.statusCode, allowed(refused)], [415, PAGE]);
    for (const [method, url, status] of [
      ['GET', '/nothing', 404],
      ['POST', '/nothing', 404],
      ['PUT', '/v1/detect', 405],
    ] as const) {
      const reply = await app.inject({ method, url, headers: page });
      assert.deepEqual([reply.statusCode, allowed(reply)], [status, PAGE], `${method} ${url}`);
    }
  });

  it('a listed page neither changes nor reads tenants without keys', async (t) => {
    const { app, registry } = await testApp(t, { corsOrigins: PAGE });
    const changes = await app.inject({ ...PUT, headers: page });
    assert.deepEqual([changes.statusCode, changes.json().code, allowed(changes)], [403, 'cross_origin', undefined]);
    assert.throws(() => registry.get('zoo'), { code: 'tenant_not_found' });
    for (const [url, method] of [
      ['/v1/tenants/zoo', 'PUT'],
      ['/v1/tenants', 'GET'],
      ['/v1/admin/reload', 'POST'],
    ] as const)
      assert.equal(allowed(await app.inject(preflight(url, method))), undefined, url);
    assert.equal(allowed(await app.inject({ method: 'GET', url: '/v1/tenants', headers: page })), undefined);
  });

  it('a page that is not listed gets nothing, with the setting and without', async (t) => {
    for (const corsOrigins of ['', PAGE]) {
      const { app } = await testApp(t, { corsOrigins });
      const other = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };
      const wrong = (url: string) => ({ method: 'POST' as const, url, headers: other });
      const detect = { ...DETECT, headers: other };
      for (const request of [preflight('/v1/detect', 'POST', other), detect, wrong('/livez'), wrong('/nothing')]) {
        const reply = await app.inject(request);
        assert.equal(allowed(reply), undefined);
        if (request.method === 'POST') assert.equal(reply.json().code, 'cross_origin');
      }
      const opaque = await app.inject({ ...DETECT, headers: { origin: 'null' } });
      assert.equal(opaque.statusCode, 403);
    }
  });

  it('with keys a listed page may send every request that its key allows, and the preflight needs no key', async (t) => {
    const { app, access } = await testApp(t, { corsOrigins: PAGE }, { mode: 'keys' });
    const ask = await app.inject(preflight('/v1/tenants/zoo', 'PUT'));
    assert.deepEqual([ask.statusCode, allowed(ask), ask.headers['access-control-allow-methods']], [204, PAGE, 'PUT']);
    const anonymous = await app.inject({ ...PUT, headers: page });
    assert.deepEqual([anonymous.statusCode, allowed(anonymous)], [401, PAGE]);
    const { key } = await access.keyring.create(
      { name: 'page', scopes: ['manage:*'], limits: {}, expiresAt: null },
      'test',
    );
    const put = await app.inject({ ...PUT, headers: { ...page, 'x-api-key': key } });
    assert.deepEqual([put.statusCode, allowed(put)], [201, PAGE]);
  });

  it('* lets every page in, and default ports and case of an origin do not matter', async (t) => {
    const { app } = await testApp(t, { corsOrigins: '*' });
    const reply = await app.inject({ ...DETECT, headers: { origin: 'null', 'content-type': 'image/png' } });
    assert.deepEqual([reply.statusCode, allowed(reply)], [200, '*']);
    assert.deepEqual(
      [...originsOf('HTTPS://App.Example.com:443, capacitor://LocalHost ,')],
      [PAGE, 'capacitor://localhost'],
    );
  });
});
