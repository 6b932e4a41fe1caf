import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import type { FastifyInstance } from 'fastify';
import { ServiceError } from '../../src/errors/index.ts';
import { multipart, testApp } from '../helpers/app.ts';
import { until } from '../helpers/service.ts';

const post = (headers: Record<string, string> = {}, query = '') => ({
  method: 'POST' as const,
  url: `/v1/detect${query}`,
  headers: { 'content-type': 'image/png', ...headers },
  payload: 'PHOTO',
});
const full = () => new ServiceError('overloaded', 'Too many images are waiting.', { retryAfterSeconds: 7 });

describe('admission of a request', () => {
  it("a request's deadline is that of its header, at most that of the service", async (t) => {
    const { app, engine } = await testApp(t, { requestTimeoutMs: 120_000 });
    for (const asked of ['60000', '999999', undefined])
      assert.equal((await app.inject(post(asked ? { 'x-request-timeout-ms': asked } : {}))).statusCode, 200);
    const [short, capped, none] = engine.requests.map((r) => r.timeoutMs as number);
    // less the time that the head and the body took
    assert.ok(short && short > 0 && short <= 60_000, String(short));
    assert.ok(capped && capped > 60_000 && capped <= 120_000, String(capped));
    assert.equal(none, 120_000);
  });

  it('a malformed deadline gets invalid_request', async (t) => {
    // more than 1.5 ms pass before the first look at the deadline
    const late = (app: FastifyInstance) =>
      app.addHook('onRequest', (_, reply) => until('2 ms', 1000, () => reply.elapsedTime > 2));
    const { app, engine } = await testApp(t, {}, {}, late);
    for (const asked of ['0', '-5', 'soon', '1.5', '86400001', '1e400']) {
      const response = await app.inject(post({ 'x-request-timeout-ms': asked }));
      assert.deepEqual([response.statusCode, response.json().code], [400, 'invalid_request'], asked);
    }
    const response = await app.inject(post({ 'x-request-priority': 'highest' }));
    assert.equal(response.statusCode, 400);
    assert.equal(engine.requests.length, 0);
  });

  it('a request of many images is bulk unless its header says otherwise', async (t) => {
    const { app, engine } = await testApp(t, { maxImages: 8 });
    const many = multipart(Array.from({ length: 5 }, () => ({ data: 'PHOTO' })));
    await app.inject({ ...post(), ...many });
    assert.equal(engine.requests[0]?.priority, 'bulk');
    assert.deepEqual(engine.asked.at(-1)?.images, 5);
    await app.inject(post());
    assert.equal(engine.requests.at(-1)?.priority, 'interactive');
    await app.inject(post({ 'x-request-priority': 'probe' }));
    assert.equal(engine.requests.at(-1)?.priority, 'probe');
  });

  it('a request is refused before its body is read, and the connection is kept', async (t) => {
    const { app, engine, metrics } = await testApp(t, { maxBodyBytes: 10_000_000 });
    await app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = app.server.address() as { port: number };
    engine.refusal = full();
    const socket = connect(port, '127.0.0.1');
    t.after(() => socket.destroy());
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
    });
    const answered = (n: number) =>
      new Promise<void>((resolve) => {
        const look = () => text.split('HTTP/1.1 ').length > n && resolve();
        socket.on('data', look);
        look();
      });
    const head =
      'POST /v1/detect HTTP/1.1\r\nhost: localhost\r\ncontent-type: image/png\r\ncontent-length: 1000000\r\n\r\n';
    socket.write(head); // not one byte of the body
    await answered(1);
    assert.match(text, /^HTTP\/1\.1 429 /);
    assert.match(text, /retry-after: 7/i);
    assert.match(await metrics.registry.metrics(), /clipn_images_rejected_total\{reason="overloaded"\} 1/);
    engine.refusal = undefined;
    socket.write(Buffer.alloc(1_000_000));
    socket.write(
      'POST /v1/detect HTTP/1.1\r\nhost: localhost\r\ncontent-type: image/png\r\ncontent-length: 5\r\n\r\nPHOTO',
    );
    await answered(2);
    assert.match(text, /HTTP\/1\.1 200 /);
  });

  it('every refusal in a flood is counted, and only some are logged', async (t) => {
    const { app, engine, log, metrics } = await testApp(t);
    engine.refusal = full();
    await Promise.all(Array.from({ length: 50 }, () => app.inject(post())));
    const lines = log.map((line) => JSON.parse(line));
    assert.equal(lines.filter(({ msg, status }) => msg === 'request' && status === 429).length, 10);
    assert.equal(lines.filter(({ msg, code }) => msg === 'request failed' && code === 'overloaded').length, 10);
    assert.match(await metrics.registry.metrics(), /clipn_images_rejected_total\{reason="overloaded"\} 50/);
    await until('the line for the rest', 3000, () =>
      log.some((line) => line.includes('further refusals in this second')),
    );
    const rest = log.map((line) => JSON.parse(line)).find(({ msg }) => msg === 'further refusals in this second');
    assert.deepEqual([rest.code, rest.requests], ['overloaded', 40]);
    engine.refusal = undefined;
    await app.inject(post());
    assert.equal(log.map((line) => JSON.parse(line)).at(-1).status, 200);
  });

  it('in a flood a refusal has the usual answer, and requests that would not be refused are served', async (t) => {
    const { app, engine, metrics } = await testApp(t, { requestTimeoutMs: 120_000 });
    await app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = app.server.address() as { port: number };
    const url = `http://127.0.0.1:${port}/v1/detect`;
    const send = async (query = '', headers: Record<string, string> = {}) => {
      const response = await fetch(url + query, {
        method: 'POST',
        headers: { 'content-type': 'image/png', 'x-request-id': 'mine', ...headers },
        body: 'PHOTO',
      });
      const { date, ...rest } = Object.fromEntries(response.headers);
      return { status: response.status, headers: rest, body: await response.json() };
    };
    engine.refusal = full();
    const answers = [];
    for (let i = 0; i < 30; i++) answers.push(await send());
    assert.equal(answers[0]?.status, 429);
    for (const answer of answers) assert.deepEqual(answer, answers[0]);
    await send('?tenant=zoo&top_k=3', { 'x-request-priority': 'bulk', 'x-request-timeout-ms': '60000' });
    const asked = engine.asked.at(-1);
    assert.deepEqual([asked?.tenant, asked?.priority], ['zoo', 'bulk']);
    // less the time that the head took
    assert.ok((asked?.timeoutMs ?? 0) > 0 && (asked?.timeoutMs ?? 0) <= 60_000, String(asked?.timeoutMs));
    const text = await metrics.registry.metrics();
    assert.match(text, /clipn_images_rejected_total\{reason="overloaded"\} 31/);
    assert.match(text, /clipn_requests_total\{route="\/v1\/detect",method="POST",status="429"\} 31/);
    assert.match(text, /clipn_request_duration_seconds_count\{route="\/v1\/detect"\} 31/);
    // others of the same moment
    assert.equal((await fetch(url)).status, 405);
    assert.equal((await fetch(`http://127.0.0.1:${port}/v1/detection`, { method: 'POST' })).status, 404);
    engine.refusal = undefined;
    assert.equal((await send()).status, 200);
  });

  it('a request of many images is refused as a whole', async (t) => {
    const { app, engine, metrics } = await testApp(t);
    engine.check = ({ images }) => {
      if (images > 1) throw full();
    };
    const three = multipart(Array.from({ length: 3 }, () => ({ data: 'PHOTO' })));
    const response = await app.inject({ ...post(), ...three });
    assert.deepEqual([response.statusCode, response.headers['retry-after']], [429, '7']);
    assert.equal(engine.requests.length, 0);
    assert.match(await metrics.registry.metrics(), /clipn_images_rejected_total\{reason="overloaded"\} 3/);
  });
});
