import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { InjectOptions } from 'fastify';
import { isCrossOrigin, isKnownHost, publicHosts } from '../../src/http/origin.ts';
import { testApp } from '../helpers/app.ts';

const PUT: InjectOptions = { method: 'PUT', url: '/v1/tenants/zoo', payload: { classes: ['lion', 'tiger'] } };
const GET: InjectOptions = { method: 'GET', url: '/v1/tenants' };

describe('a service without API keys, called by browsers', () => {
  const cases: [string, InjectOptions, Record<string, string>, number, string?][] = [
    ['a client that is no browser', PUT, {}, 201],
    ['a page of the service itself', PUT, { origin: 'http://localhost', 'sec-fetch-site': 'same-origin' }, 201],
    ['a page of another site', PUT, { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }, 403],
    ['a page of another site, in a browser without Sec-Fetch-Site', PUT, { origin: 'https://evil.example' }, 403],
    ['a page of another port', PUT, { origin: 'http://localhost:3000', 'sec-fetch-site': 'same-site' }, 403],
    ['a page without an origin of its own', PUT, { origin: 'null' }, 403],
    ['a form of another site, without Origin', PUT, { 'sec-fetch-site': 'cross-site' }, 403],
    ['a reload by another site', { method: 'POST', url: '/v1/admin/reload' }, { origin: 'https://evil.example' }, 403],
    ['an image by another site', { method: 'POST', url: '/v1/detect' }, { 'sec-fetch-site': 'cross-site' }, 403],
    ['a page whose name resolves to this machine', GET, { host: 'evil.example:8080' }, 421, 'unknown_host'],
    ['the same with an origin that fits', PUT, { host: 'evil.example', origin: 'http://evil.example' }, 421],
    ['the address of another machine', GET, { host: '203.0.113.5' }, 421],
    ['a host that is none', GET, { host: 'local host' }, 421],
    ['localhost with a port', GET, { host: 'LocalHost:8080' }, 200],
    ['a loopback address', GET, { host: '[::1]:8080' }, 200],
    ['a probe under any name', { method: 'GET', url: '/livez' }, { host: 'evil.example' }, 200],
    [
      'a proxy that asks with its client’s headers',
      { method: 'GET', url: '/v1/ext-authz/' },
      { host: 'shop.example' },
      200,
    ],
  ];
  for (const [name, request, headers, status, code] of cases) {
    it(`answers ${name} with ${status}`, async (t) => {
      const { app } = await testApp(t);
      const reply = await app.inject({ ...request, headers });
      assert.equal(reply.statusCode, status, reply.body);
      if (status === 403) assert.equal(reply.json().code, 'cross_origin');
      if (code) assert.equal(reply.json().code, code);
    });
  }

  it('answers the names in CLIPN_PUBLIC_HOSTS, and pages of these hosts', async (t) => {
    const { app } = await testApp(t, { publicHosts: 'Gate.example.com, other.example' });
    const headers = { host: 'gate.example.com', origin: 'https://other.example', 'sec-fetch-site': 'cross-site' };
    assert.equal((await app.inject({ ...PUT, headers })).statusCode, 201);
    assert.equal((await app.inject({ ...GET, headers: { host: 'third.example' } })).statusCode, 421);
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
