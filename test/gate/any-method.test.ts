import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { image, rawExchange, recordingUpstream, startGate } from '../helpers/gate.ts';
import { until } from '../helpers/service.ts';

const GATED = {
  routes: [{ match: { path: '/predict', methods: ['POST', 'CLASSIFY'] }, mode: 'enforce', adapter: 'raw' }],
};

/** Reads heads and lengths itself: no parser of Node's stands on this side. Answers each request with its first line. */
async function plainUpstream(t: TestContext) {
  const upstream = { delayMs: 0 };
  const requests: { line: string; head: string; body: Buffer }[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let data = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      data = Buffer.concat([data, chunk]);
      for (;;) {
        const end = data.indexOf('\r\n\r\n');
        if (end < 0) return;
        const head = data.toString('latin1', 0, end);
        const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
        if (data.length < end + 4 + length) return;
        const line = head.split('\r\n', 1)[0] as string;
        requests.push({ line, head, body: data.subarray(end + 4, end + 4 + length) });
        data = data.subarray(end + 4 + length);
        const answer = `you said ${line}`;
        const text = `HTTP/1.1 207 Multi-Status\r\nContent-Length: ${answer.length}\r\nX-Up: yes\r\n\r\n${answer}`;
        if (upstream.delayMs === 0) socket.write(text);
        else setTimeout(() => socket.write(text), upstream.delayMs);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return Object.assign(upstream, { url, requests });
}

/** A client on one connection that is kept open. */
async function client(t: TestContext, port: number) {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  t.after(() => socket.destroy());
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString('latin1')));
  socket.on('error', () => {});
  const ask = async (request: string | Buffer, enough: RegExp) => {
    text = '';
    socket.write(request);
    await until(`an answer like ${enough}`, 5000, () => enough.test(text));
    return text;
  };
  return { socket, ask };
}

describe('methods that the parser of Node does not know', () => {
  it('pass with their name, headers, body to the byte; the answer comes back', async (t) => {
    const upstream = await plainUpstream(t);
    const { port, engine } = await startGate(t, upstream.url, GATED);
    const body = randomBytes(300_000);
    const head = Buffer.from(
      `FROBNICATE /x?y=1 HTTP/1.1\r\nHost: a\r\nX-Odd: 1\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`,
    );
    const text = await rawExchange(port, Buffer.concat([head, body]));
    assert.match(
      text,
      /^HTTP\/1\.1 207 Multi-Status\r\n[\s\S]*X-Up: yes\r\n[\s\S]*you said FROBNICATE \/x\?y=1 HTTP\/1\.1$/,
    );
    assert.match(
      upstream.requests[0]?.head as string,
      /^FROBNICATE \/x\?y=1 HTTP\/1\.1\r\nHost: a\r\nX-Odd: 1\r\nContent-Length: 300000\r\n[\s\S]*X-Forwarded-For: 127\.0\.0\.1/,
    );
    assert.ok(upstream.requests[0]?.body.equals(body));
    assert.equal(engine.requests.length, 0);
  });

  it('on a connection that is kept: between others, one after the other, a hundred times', async (t) => {
    const upstream = await plainUpstream(t);
    const { port, gate } = await startGate(t, upstream.url, GATED);
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => void warnings.push(warning);
    process.on('warning', onWarning);
    t.after(() => process.off('warning', onWarning));
    const { ask } = await client(t, port);
    const methods = ['GET', 'FROB', 'GROB', 'GET', 'X', 'POST', 'P', 'QUERY', 'GET'];
    for (let i = 0; i < 100; i++) {
      const method = methods[i % methods.length] as string;
      await ask(`${method} /${i} HTTP/1.1\r\nHost: a\r\n\r\n`, new RegExp(`you said ${method} /${i} HTTP/1.1$`));
      assert.equal(upstream.requests[i]?.line, `${method} /${i} HTTP/1.1`);
    }
    assert.equal(await gate.connections(), 1);
    assert.deepEqual(warnings, [], 'listeners that pile up on the connection');
    const lengths = 'FROB /l HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc';
    await ask(lengths, /you said FROB \/l HTTP\/1.1$/);
    assert.equal(upstream.requests.at(-1)?.body.toString(), 'abc');
  });

  it('take an image past the gate no more than others do', async (t) => {
    const upstream = await plainUpstream(t);
    const { port, engine } = await startGate(t, upstream.url, GATED);
    const { ask } = await client(t, port);
    for (const word of ['OOD', 'id', 'OOD']) {
      const body = image(word);
      const head = Buffer.from(`CLASSIFY /predict HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n`);
      const text = await ask(Buffer.concat([head, body]), /HTTP\/1\.1 (?:422[\s\S]*\}$|207[\s\S]*you said)/);
      assert.match(text, word === 'id' ? /^HTTP\/1\.1 207/ : /^HTTP\/1\.1 422/);
    }
    assert.equal(engine.requests.length, 3);
    assert.equal(upstream.requests.length, 1);
    // smuggled behind one: the second is a request like any other
    const body = image('OOD');
    const two = Buffer.concat([
      Buffer.from('FROB /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok'),
      Buffer.from(`POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n`),
      body,
    ]);
    assert.match(await ask(two, /422[\s\S]*\}$/), /^HTTP\/1\.1 207[\s\S]*HTTP\/1\.1 422/);
    assert.equal(engine.requests.length, 4);
    assert.equal(upstream.requests.length, 2);
  });

  it('are answered when the gate shuts down meanwhile; then the connection ends', async (t) => {
    const upstream = await plainUpstream(t);
    upstream.delayMs = 500;
    const { port, gate } = await startGate(t, upstream.url, GATED);
    const { ask, socket } = await client(t, port);
    const ended = once(socket, 'close');
    const answered = ask('FROB /slow HTTP/1.1\r\nHost: a\r\n\r\n', /you said FROB \/slow HTTP\/1\.1$/);
    await until('the request to arrive', 2000, () => upstream.requests.length === 1);
    const closed = gate.close();
    await answered;
    await closed;
    await ended;
  });

  it('an offer to change the protocol is declined', async (t) => {
    const upstream = await plainUpstream(t);
    const { port } = await startGate(t, upstream.url, GATED);
    const { ask } = await client(t, port);
    await ask(
      'FROB /u HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n',
      /you said FROB \/u HTTP\/1\.1$/,
    );
    assert.doesNotMatch(upstream.requests[0]?.head as string, /upgrade/i);
  });

  it('501 where the name is not in capitals, or its beginning can not be told; 400 for what is no request', async (t) => {
    const upstream = await recordingUpstream(t);
    const { port } = await startGate(t, upstream.url, GATED);
    const get = 'GET /x HTTP/1.1\r\nHost: a\r\n\r\n';
    assert.match(await rawExchange(port, 'get / HTTP/1.1\r\nHost: a\r\n\r\n'), /^HTTP\/1\.1 501/);
    assert.match(await rawExchange(port, `${get}FROB / HTTP/1.1\r\nHost: a\r\n\r\n`), /HTTP\/1\.1 501/);
    // the preface of HTTP/2; older versions of Node close the connection without a word
    assert.match(await rawExchange(port, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), /^(?:HTTP\/1\.1 (?:400|501)|$)/);
    for (const broken of [
      'FROB\r\n\r\n',
      'FROB / HTTX/1.1\r\n\r\n',
      'FROB / HTTP/1.1\r\nno header\r\n\r\n',
      'FROB /\0 HTTP/1.1\r\n\r\n',
    ])
      assert.match(await rawExchange(port, broken), /^HTTP\/1\.1 (?:400|501)/, broken);
    const torn = await client(t, port);
    torn.socket.setNoDelay(true);
    torn.socket.write('G');
    await sleep(100);
    await torn.ask('ROB / HTTP/1.1\r\nHost: a\r\n\r\n', /^HTTP\/1\.1 501/);
    const tornLater = await client(t, port);
    await tornLater.ask(`${get}`, /\{"received":0\}/);
    assert.equal(
      upstream.requests.some(({ method }) => method.includes('ROB')),
      false,
    );
  });

  it('a client that leaves, and one that never ends its request', async (t) => {
    const upstream = await plainUpstream(t);
    const { port, gate } = await startGate(t, upstream.url, {
      ...GATED,
      listen: { headers_timeout_ms: 1000, request_timeout_ms: 1500 },
    });
    const leaving = await client(t, port);
    leaving.socket.write('FROB / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf');
    const slow = await client(t, port);
    const slower = await client(t, port);
    slow.socket.write('FROB / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf');
    slower.socket.write('FROB / HTTP/1.1\r\nHos');
    // one whose answers come while the parser that gave it up runs out of time
    const alive = await client(t, port);
    for (let i = 0; i < 4; i++) {
      await alive.ask(`FROB /${i} HTTP/1.1\r\nHost: a\r\n\r\n`, new RegExp(`you said FROB /${i} HTTP/1.1$`));
      if (i === 0) leaving.socket.destroy();
      await sleep(1000);
    }
    await until('the slow ones to be cut off', 3000, async () => (await gate.connections()) === 1);
    assert.equal(upstream.requests.filter(({ line }) => line.startsWith('FROB')).length, 4);
  });
});
