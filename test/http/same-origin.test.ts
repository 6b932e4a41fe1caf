import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { InjectOptions } from 'fastify';
import { isCrossOrigin, isKnownHost, publicHosts } from '../../src/http/origin.ts';
import { testApp } from '../helpers/app.ts';

const PUT: InjectOptions = { method: 'PUT', url: '/v1/tenants/zoo', payload: { classes: ['lion', 'tiger'] } };
const GET: InjectOptions = { method: 'GET', url: '/v1/tenants' };

describe('a service without API keys, called by browsers', () => {
  const cases: [string, InjectOptions, Record<string, string>, number][] = [
    ['a client that is no browser', PUT, {}, 201],
    ['a page of the service itself', PUT, { origin: 'http://localhost', 'sec-fetch-site': 'same-origin' }, 201],
    ['a page of another site', PUT, { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }, 403],
    ['a page of another site, in a browser without Sec-Fetch-Site', PUT, { origin: 'https://evil.example' }, 403],
    ['a page of another port', PUT, { origin: 'http://localhost:3000', 'sec-fetch-site': 'same-site' }, 403],
    ['a page without an origin of its own', PUT, { origin: 'null' }, 403],
    ['a form of another site, without Origin', PUT, { 'sec-fetch-site': 'cross-site' }, 403],
    ['a reload by another site', { method: 'POST', url: '/v1/admin/reload' }, { origin: 'https://evil.example' }, 403],
    ['an image by another site', { method: 'POST', url: '/v1/detect' }, { 'sec-fetch-site': 'cross-site' }, 403],
    ['a page whose name resolves to this machine', GET, { host: 'evil.example:8080' }, 421],
    ['the same with an origin that fits', PUT, { host: 'evil.example', origin: 'http://evil.example' }, 421],
    ['the address of another machine', GET, { host: '203.0.113.5' }, 421],
    ['a host that is none', GET, { host: 'local host' }, 421],
    ['localhost with a port', GET, { host: 'LocalHost:8080' }, 200],
    ['a loopback address', GET, { host: '[::1]:8080' }, 200],
    ['a probe under any name', { method: 'GET', url: '/livez' }, { host: 'evil.example' }, 200],
    [
      'a page of another port of the address it listens on',
      PUT,
      { host: '127.0.0.1:8080', origin: 'http://127.0.0.1:3000' },
      403,
    ],
    ['an extension of the browser', PUT, { origin: 'chrome-extension://abc', 'sec-fetch-site': 'none' }, 403],
    [
      'an image by another site for ext_authz',
      { method: 'POST', url: '/v1/ext-authz/' },
      { host: 'shop.example' },
      503,
    ],
  ];
  for (const [name, request, headers, status] of cases) {
    it(`answers ${name} with ${status}`, async (t) => {
      const { app } = await testApp(t);
      const reply = await app.inject({ ...request, headers });
      assert.equal(reply.statusCode, status, reply.body);
      if (status === 403) assert.equal(reply.json().code, 'cross_origin');
      if (status === 421) assert.equal(reply.json().code, 'unknown_host');
    });
  }

  it('counts refused requests and logs them, in lines that do not grow with the headers', async (t) => {
    const { app, log } = await testApp(t);
    await app.inject({ ...GET, headers: { host: 'x'.repeat(10_000) } });
    await app.inject({ ...PUT, headers: { origin: `http://${'x'.repeat(10_000)}` } });
    const { body } = await app.inject({ method: 'GET', url: '/metrics' });
    for (const part of ['method="GET",status="421"', 'method="PUT",status="403"']) assert.ok(body.includes(part), part);
    const lines = log.join('');
    assert.ok(lines.includes('"status":421') && lines.includes('"status":403'), lines);
    assert.ok(lines.length < 5000, String(lines.length));
  });

  it('answers the names in CLIPN_PUBLIC_HOSTS, and pages of these hosts behind a proxy that names another', async (t) => {
    const { app } = await testApp(t, { publicHosts: 'Gate.example.com, inside' });
    const origin = 'https://gate.example.com';
    const status = async (host: string) => (await app.inject({ ...PUT, headers: { host, origin } })).statusCode;
    assert.deepEqual([await status('gate.example.com'), await status('inside:8080')], [201, 200]);
    assert.equal((await app.inject({ ...GET, headers: { host: 'third.example' } })).statusCode, 421);
    const sibling = { host: 'gate.example.com', origin: `${origin}:3000`, 'sec-fetch-site': 'same-site' };
    assert.equal(
      (await app.inject({ ...PUT, headers: sibling })).statusCode,
      403,
      'Sec-Fetch-Site decides where it is sent',
    );
  });

  it('ignores X-Forwarded-Host where Host is unknown: a page can set it', async (t) => {
    const { app } = await testApp(t, { trustProxy: true, publicHosts: 'gate.example' });
    const status = async (headers: Record<string, string>) => (await app.inject({ ...GET, headers })).statusCode;
    assert.equal(await status({ host: 'evil.example', 'x-forwarded-host': 'gate.example' }), 421);
    assert.equal(await status({ host: 'gate.example', 'x-forwarded-host': 'evil.example' }), 421);
    assert.equal(await status({ host: 'localhost:8080', 'x-forwarded-host': 'gate.example' }), 200);
  });

  it('answers proxies that ask /v1/ext-authz with the headers of their clients, unless it serves one machine without a gate', async (t) => {
    const request: InjectOptions = {
      method: 'POST',
      url: '/v1/ext-authz/a',
      headers: { host: 'shop.example', origin: 'https://other.example', 'sec-fetch-site': 'cross-site' },
    };
    const { app } = await testApp(t, { host: '0.0.0.0' });
    assert.equal((await app.inject(request)).statusCode, 200);
    const here = await (await testApp(t)).app.inject(request);
    assert.deepEqual([here.statusCode, here.json().code], [503, 'unknown_host']);
  });

  it('answers every name, and pages of every host, with *', async (t) => {
    const { app } = await testApp(t, { publicHosts: '*' });
    assert.equal((await app.inject({ ...PUT, headers: { host: 'a.b', origin: 'http://c.d' } })).statusCode, 201);
  });

  it('asks for /metrics under a known name, unless they are open', async (t) => {
    const request: InjectOptions = { method: 'GET', url: '/metrics', headers: { host: 'prometheus.example' } };
    assert.equal((await (await testApp(t)).app.inject(request)).statusCode, 421);
    assert.equal((await (await testApp(t, { openMetrics: true })).app.inject(request)).statusCode, 200);
  });

  it('asks for nothing of this kind where keys are required', async (t) => {
    const { app } = await testApp(t, {}, { mode: 'keys' });
    const reply = await app.inject({ ...PUT, headers: { host: 'gate.example', origin: 'https://evil.example' } });
    assert.equal(reply.statusCode, 401);
  });
});

describe('names of hosts and origins', () => {
  const hosts = publicHosts('gate.example', '127.0.0.1');

  it('accept the address that a connection was made to, also as IPv4 in IPv6', () => {
    assert.ok(isKnownHost('192.0.2.7:8080', '::ffff:192.0.2.7', hosts));
    assert.ok(isKnownHost('[2001:db8::1]', '2001:db8::1', hosts));
    assert.ok(!isKnownHost('192.0.2.8', '192.0.2.7', hosts));
  });

  it('refuse every domain that is not configured', () => {
    fc.assert(
      fc.property(fc.domain(), (domain) => {
        assert.equal(
          isKnownHost(domain, '127.0.0.1', hosts),
          domain === 'gate.example' || domain.endsWith('.localhost'),
        );
        assert.ok(isCrossOrigin({ origin: `https://${domain}`, host: 'localhost:8080', site: undefined }, hosts));
      }),
    );
  });

  it('take a page of the same host and port for the same origin', () => {
    fc.assert(
      fc.property(fc.domain(), fc.integer({ min: 1, max: 65_535 }), (domain, port) => {
        const host = `${domain}:${port}`;
        assert.ok(!isCrossOrigin({ origin: `http://${host}`, host, site: undefined }, hosts));
      }),
    );
  });
});
