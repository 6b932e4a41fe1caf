import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import type { InjectOptions } from 'fastify';
import { testApp } from '../helpers/app.ts';

/** The complete answer to raw bytes. */
async function answerTo(t: TestContext, bytes: string | Buffer) {
  const { app, log } = await testApp(t);
  await app.listen({ host: '127.0.0.1', port: 0 });
  const socket = connect((app.server.address() as { port: number }).port, '127.0.0.1');
  t.after(() => socket.destroy());
  socket.on('error', () => {});
  let text = '';
  socket.on('data', (chunk) => (text += chunk));
  await once(socket, 'connect');
  socket.end(bytes);
  await once(socket, 'close');
  const [head = '', body = ''] = text.split('\r\n\r\n');
  return { status: Number(head.slice(9, 12)), head, problem: JSON.parse(body), log };
}

describe('requests that reach no route', () => {
  const cases: [string, string | Buffer, number, string, RegExp][] = [
    ['bytes that are no HTTP', 'nonsense\r\n\r\n', 400, 'invalid_request', /not a valid HTTP/],
    ['a client that speaks TLS', Buffer.from('160301020001000001fc0303', 'hex'), 400, 'invalid_request', /http:\/\//],
    [
      'a header that is too large',
      `GET /livez HTTP/1.1\r\nhost: localhost\r\na: ${'x'.repeat(20_000)}\r\n\r\n`,
      431,
      'headers_too_large',
      /header fields .* at most 16384 bytes/,
    ],
    [
      'an address that is too long',
      `GET /${'x'.repeat(20_000)} HTTP/1.1\r\nhost: localhost\r\n\r\n`,
      414,
      'uri_too_long',
      /address .* at most 16384 bytes/,
    ],
    ['a request without Host', 'GET /v1/tenants HTTP/1.1\r\nconnection: close\r\n\r\n', 400, 'invalid_request', /Host/],
    [
      'two lengths',
      'POST /v1/detect HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab',
      400,
      'invalid_request',
      /HTTP/,
    ],
    [
      'a malformed address',
      'GET /v1/tenants/%E0%A4%A HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n',
      400,
      'invalid_request',
      /address/,
    ],
    [
      'an id that is too long',
      `GET /v1/tenants/${'x'.repeat(300)} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`,
      400,
      'invalid_request',
      /too long/,
    ],
  ];
  for (const [name, bytes, status, code, detail] of cases) {
    it(`answers ${status} with a problem document to ${name}`, async (t) => {
      const reply = await answerTo(t, bytes);
      assert.deepEqual([reply.status, reply.problem.status, reply.problem.code], [status, status, code], reply.head);
      assert.match(reply.head, /content-type: application\/problem\+json/i);
      assert.match(reply.problem.detail, detail);
      assert.match(reply.head.toLowerCase(), new RegExp(`x-request-id: ${reply.problem.instance}`));
      assert.ok(reply.log.some((line) => line.includes(code)));
    });
  }

  it('a request without Host is served in HTTP/1.0', async (t) => {
    const { app } = await testApp(t);
    const url = await app.listen({ host: '127.0.0.1', port: 0 });
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.end('GET /livez HTTP/1.0\r\n\r\n');
    const [chunk] = await once(socket, 'data');
    assert.match(String(chunk), /^HTTP\/1\.[01] 200/);
    socket.destroy();
  });

  it('every known address answers OPTIONS with Allow, and other methods with 405 and Allow', async (t) => {
    const { app, metrics } = await testApp(t);
    const addresses: [string, string][] = [
      ['/v1/detect', 'OPTIONS, POST'],
      ['/v1/d%65tect?tenant=a', 'OPTIONS, POST'],
      ['/v1/tenants', 'GET, HEAD, OPTIONS'],
      ['/v1/tenants/zoo', 'DELETE, GET, HEAD, OPTIONS, PUT'],
      ['/v1/admin/keys', 'GET, HEAD, OPTIONS, POST'],
      ['/v2/models/demo/infer', 'OPTIONS, POST'],
      ['/livez', 'GET, HEAD, OPTIONS'],
      ['/metrics', 'GET, HEAD, OPTIONS'],
      ['/openapi.json', 'GET, HEAD, OPTIONS'],
      ['/docs/', 'GET, HEAD, OPTIONS'],
      ['/', 'GET, HEAD, OPTIONS'],
    ];
    for (const [url, allow] of addresses) {
      const options = await app.inject({ method: 'OPTIONS', url });
      assert.deepEqual([options.statusCode, options.headers['allow']], [204, allow], url);
      for (const method of ['PATCH', 'TRACE', 'PROPFIND', 'MKCOL']) {
        const reply = await app.inject({ method: method as 'PATCH', url });
        assert.deepEqual(
          [reply.statusCode, reply.json().code, reply.headers['allow']],
          [405, 'method_not_allowed', allow],
          `${method} ${url}`,
        );
      }
    }
    const counts = await metrics.registry.metrics();
    assert.match(counts, /clipn_requests_total\{route="\/v1\/detect",method="PATCH",status="405"\} 2/);
    const long = `/v1/tenants/${'a'.repeat(10_000)}`;
    for (const [method, url, status] of [
      ['OPTIONS', '/nothing', 404],
      ['PATCH', '/nothing', 404],
      ['PROPFIND', '/nothing', 404],
      ['OPTIONS', long, 400],
      ['PATCH', long, 404],
    ] as const) {
      const { statusCode, headers } = await app.inject({ method, url } as InjectOptions);
      assert.deepEqual([statusCode, headers['allow']], [status, undefined], `${method} ${url.slice(0, 20)}`);
    }
  });
});

describe('messages of validation are sentences', () => {
  const put = (payload: unknown): InjectOptions => ({
    method: 'PUT',
    url: '/v1/tenants/zoo',
    payload: payload as object,
  });
  const cases: [string, InjectOptions, string][] = [
    [
      'an unknown property',
      put({ classes: ['a'], clases: ['b'] }),
      'The request is not valid: the body has an unknown property "clases"; its properties are classes, templates, templates_no, method, negatives, limits, capture, events.',
    ],
    [
      'an unknown method',
      put({ classes: ['a'], method: 'best' }),
      'The request is not valid: method must be "ctw", "atd", "atd-rescaled", "neglabel", "csp", "combined" or "calibrated".',
    ],
    [
      'a class that is a number',
      put({ classes: ['a', 7] }),
      'The request is not valid: classes[1] must be a text or an object.',
    ],
    [
      'an unknown property of a class',
      put({ classes: [{ name: 'a', alias: 'b' }] }),
      'The request is not valid: classes[0] has an unknown property "alias"; its properties are name, aliases, text.',
    ],
    ['no classes', put({}), 'The request is not valid: the body needs the property "classes".'],
    ['an empty list', put({ classes: [] }), 'The request is not valid: classes must have at least 1 entry.'],
    ['a list as the body', put([]), 'The request is not valid: the body must be an object.'],
    [
      'a parameter of another kind',
      { method: 'POST', url: '/v1/detect?top_k=many', payload: 'x' },
      'The request is not valid: the parameter "top_k" must be a whole number.',
    ],
    [
      'an infinite parameter',
      { method: 'POST', url: '/v1/detect?top_k=1e400', payload: 'x' },
      'The request is not valid: the parameter "top_k" must be a finite number.',
    ],
    [
      'an infinite header',
      { method: 'POST', url: '/v1/detect', payload: 'x', headers: { 'x-request-timeout-ms': '-Infinity' } },
      'The request is not valid: the header "x-request-timeout-ms" must be a finite number.',
    ],
    [
      'a parameter that is too large',
      { method: 'POST', url: '/v1/detect?top_k=101', payload: 'x' },
      'The request is not valid: the parameter "top_k" must be at most 100.',
    ],
    [
      'an unknown rule in the query',
      { method: 'POST', url: '/v1/detect?method=best', payload: 'x' },
      'The request is not valid: the parameter "method" must be "ctw", "atd", "atd-rescaled", "neglabel", "csp", "combined" or "calibrated".',
    ],
    [
      'a header of another kind',
      { method: 'POST', url: '/v1/detect', payload: 'x', headers: { 'x-request-priority': 'high' } },
      'The request is not valid: the header "x-request-priority" must be "probe", "interactive" or "bulk".',
    ],
  ];
  for (const [name, request, detail] of cases) {
    it(`names the fault and the accepted values: ${name}`, async (t) => {
      const { app } = await testApp(t);
      const headers = {
        ...(typeof request.payload === 'string' ? { 'content-type': 'image/png' } : {}),
        ...request.headers,
      };
      const reply = await app.inject({ ...request, headers });
      assert.deepEqual([reply.statusCode, reply.json().detail], [400, detail]);
      assert.equal(reply.json().errors.length, 1, reply.body);
      assert.doesNotMatch(reply.body, /constant|schema|\^|anyOf/);
    });
  }

  it('415 names the content type of that operation', async (t) => {
    const { app } = await testApp(t);
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const put = await app.inject({
      method: 'PUT',
      url: '/v1/tenants/zoo',
      payload: '{"classes":["a"]}',
      headers: form,
    });
    assert.equal(put.statusCode, 415);
    assert.match(put.json().detail, /Send application\/json \(curl -H 'Content-Type: application\/json'\)/);
    assert.doesNotMatch(put.json().detail, /image/);
    const archive = await app.inject({ method: 'POST', url: '/v1/tenants/zoo/import', payload: 'x', headers: form });
    assert.match(archive.json().detail, /one of application\/vnd\.|one of application\/\S+, application\/octet-stream/);
    const none = await app.inject({ method: 'DELETE', url: '/v1/tenants/zoo', payload: 'x', headers: form });
    assert.match(none.json().detail, /takes no body/);
  });
});
