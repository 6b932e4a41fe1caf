import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { describe, it } from 'node:test';
import { settingsOf } from '../../src/gate/config/settings.ts';
import { ask, image, listen, rawExchange, recordingUpstream, startGate } from '../helpers/gate.ts';
import { until } from '../helpers/service.ts';

const GATED = { routes: [{ match: { path: '/predict' }, mode: 'shadow', adapter: 'raw' }] };
const FORWARDED = /^x-forwarded-/i;
const own = (headers: [string, string][]) =>
  headers.filter(([name]) => !FORWARDED.test(name) && !/^(?:connection|keep-alive)$/i.test(name));

describe('forwarded requests equal the received ones', () => {
  for (const path of ['/other', '/predict']) {
    it(`method, target, headers in order and spelling, and body pass unchanged: ${path}`, async (t) => {
      const upstream = await recordingUpstream(t);
      const { url } = await startGate(t, upstream.url, GATED);
      const body = randomBytes(300_000);
      const headers: [string, string][] = [
        ['Content-LENGTH', String(body.length)],
        ['content-Type', 'image/jpeg; x="é"'],
        ['X-Twice', 'a'],
        ['x-TWICE', 'b'],
        ['Cookie', 'a=1'],
        ['Authorization', 'Bearer x'],
        ['X-Clipn-Verdict', 'id'],
        ['Proxy-Authorization', 'secret'],
        ['X-Hop', 'mine'],
        ['Connection', 'close, X-Hop, Content-Length'],
        ['X-Forwarded-For', '10.0.0.1'],
      ];
      const answer = await ask(url, { path: `${path}?q=%20a+b&c=/../x`, headers, body });
      assert.equal(answer.status, 200);
      assert.equal(answer.header('x-upstream'), 'yes');
      const [got] = upstream.requests;
      assert.equal(got?.url, `${path}?q=%20a+b&c=/../x`);
      assert.deepEqual(own(got.headers), [
        ['Host', 'classifier.example'],
        ...headers.slice(0, 6).map(([name, value]) => [name, value]),
      ]);
      assert.ok(got.body.equals(body));
      const forwarded = got.headers.filter(([name]) => FORWARDED.test(name));
      assert.deepEqual(forwarded, [
        ['X-Forwarded-For', '10.0.0.1, 127.0.0.1'],
        ['X-Forwarded-Proto', 'http'],
        ['X-Forwarded-Host', 'classifier.example'],
      ]);
    });
  }

  it('chunks and trailers pass in both directions, streamed and read', async (t) => {
    const upstream = await recordingUpstream(t);
    upstream.answer = (_request, response) => {
      response.writeHead(200, { Trailer: 'X-Sum' });
      response.write('one');
      response.addTrailers([['X-Sum', 'out']]);
      response.end('two');
    };
    const { port } = await startGate(t, upstream.url, GATED);
    for (const [i, path] of ['/other', '/predict'].entries()) {
      const text = await rawExchange(
        port,
        `POST ${path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Check\r\nTE: trailers\r\nConnection: TE, close\r\n\r\n` +
          '3\r\nabc\r\n2\r\nde\r\n0\r\nX-Check: in\r\n\r\n',
      );
      assert.match(text, /^HTTP\/1\.1 200 OK\r\nTrailer: X-Sum\r\n/);
      // later versions of Node send what was written at once in one chunk
      assert.match(text, /\r\n\r\n(?:3\r\none\r\n3\r\ntwo|6\r\nonetwo)\r\n0\r\nX-Sum: out\r\n\r\n$/);
      const got = upstream.requests[i];
      assert.equal(got?.body.toString(), 'abcde');
      assert.deepEqual(got.trailers, ['X-Check', 'in']);
      assert.deepEqual(
        got.headers.filter(([name]) => /^(te|transfer-encoding)$/i.test(name)),
        [
          ['Transfer-Encoding', 'chunked'],
          ['TE', 'trailers'],
        ],
      );
    }
  });

  it('an answer passes unchanged: status, reason, headers; only the connection header is added', async (t) => {
    const upstream = await recordingUpstream(t);
    upstream.answer = (_request, response) => {
      response.sendDate = false;
      response.writeHead(299, 'Quite Fine', [
        'Set-Cookie',
        'a=1',
        'set-cookie',
        'b=2',
        'Content-Length',
        '2',
        'X-Gone',
        'x',
        'Connection',
        'X-Gone',
      ]);
      response.end('ok');
    };
    const { url } = await startGate(t, upstream.url, GATED);
    const answer = await ask(url, { method: 'GET', path: '/x' });
    assert.deepEqual([answer.status, answer.message], [299, 'Quite Fine']);
    assert.deepEqual(own(answer.headers), [
      ['Set-Cookie', 'a=1'],
      ['set-cookie', 'b=2'],
      ['Content-Length', '2'],
    ]);
  });

  it('other methods pass, HEAD and 304 without a body, and POST without one', async (t) => {
    const upstream = await recordingUpstream(t);
    const { url, port } = await startGate(t, upstream.url, GATED);
    for (const method of ['GET', 'PROPFIND', 'DELETE', 'OPTIONS', 'M-SEARCH', 'POST', 'PATCH']) {
      const text = await rawExchange(port, `${method} /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
      assert.match(text, /^HTTP\/1\.1 200/, method);
      assert.equal(upstream.requests.at(-1)?.method, method);
      const framing = upstream.requests
        .at(-1)
        ?.headers.filter(([name]) => /^(content-length|transfer-encoding)$/i.test(name));
      assert.ok(
        framing?.every(([name, value]) => name === 'Content-Length' && value === '0'),
        `${method} ${framing}`,
      );
    }
    upstream.answer = (_request, response) => void response.writeHead(200, { 'content-length': '5' }).end();
    assert.equal((await ask(url, { method: 'HEAD', path: '/x' })).header('content-length'), '5');
    upstream.answer = (_request, response) => void response.writeHead(304, { etag: '"x"' }).end();
    assert.equal((await ask(url, { method: 'GET', path: '/x' })).header('etag'), '"x"');
  });

  it('an HTTP/1.0 client gets no chunks', async (t) => {
    const upstream = await recordingUpstream(t);
    upstream.answer = (_request, response) => {
      response.write('one');
      response.end('two');
    };
    const { port } = await startGate(t, upstream.url, GATED);
    assert.match(await rawExchange(port, 'GET / HTTP/1.0\r\n\r\n'), /\r\n\r\nonetwo$/);
  });

  it("a body beyond the route's limit is forwarded completely as a stream if the policy is open", async (t) => {
    const upstream = await recordingUpstream(t);
    const { url, events } = await startGate(t, upstream.url, {
      routes: [{ ...GATED.routes[0], mode: 'enforce', fail: 'open', max_body_bytes: 1000 }],
    });
    const body = randomBytes(3_000_000);
    for (const headers of [[['Content-Length', String(body.length)]], [['Transfer-Encoding', 'chunked']]] as [
      string,
      string,
    ][][]) {
      const answer = await ask(url, { path: '/predict', headers, body });
      assert.equal(answer.header('x-clipn-failure'), 'too_large');
      assert.ok(upstream.requests.at(-1)?.body.equals(body));
    }
    assert.equal(events.filter((e) => e['cause'] === 'too_large').length, 2);
  });
});

describe('expectations and upgrades', () => {
  it('Expect: 100-continue is answered by the upstream if the body is streamed, by the gate if it is read', async (t) => {
    let asked = 0;
    const server = createServer((request, response) => request.resume().on('end', () => response.end('done')));
    server.on('checkContinue', (request, response) => {
      asked++;
      if (request.url === '/no') response.writeHead(417).end();
      else {
        response.writeContinue();
        request.resume().on('end', () => response.end('done'));
      }
    });
    const { port } = await startGate(t, await listen(t, server), GATED);
    const head = (path: string) =>
      `POST ${path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n`;
    assert.match(await rawExchange(port, head('/no'), /\r\n\r\n/), /^HTTP\/1\.1 417/);
    for (const path of ['/yes', '/predict']) {
      const socket = connect(port, '127.0.0.1');
      t.after(() => socket.destroy());
      let text = '';
      socket.on('data', (chunk) => (text += chunk));
      socket.write(head(path));
      await until('100', 5000, () => /^HTTP\/1\.1 100 Continue\r\n\r\n$/.test(text));
      socket.write('abc');
      await until('the answer', 5000, () => /200 OK[\s\S]*done/.test(text));
    }
    assert.equal(asked, 2);
  });

  it('a WebSocket passes in both directions, and a close on either side closes both', async (t) => {
    const server = createServer();
    server.on('upgrade', (request, socket, first) => {
      assert.equal(request.headers['sec-websocket-key'], 'abc');
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\nhello',
      );
      if (first.length > 0) socket.write(`echo ${first}`);
      socket.on('data', (chunk: Buffer) => (String(chunk) === 'bye' ? socket.end() : socket.write(`echo ${chunk}`)));
      socket.on('error', () => {});
    });
    const { port, gate } = await startGate(t, await listen(t, server), GATED);
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.on('data', (chunk) => (text += chunk));
    socket.write(
      'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: abc\r\n\r\n',
    );
    await until('the greeting', 5000, () => /^HTTP\/1\.1 101 [\s\S]*Sec-WebSocket-Accept: x\r\n\r\nhello$/.test(text));
    socket.write('one');
    await until('an echo', 5000, () => text.endsWith('echo one'));
    socket.write('bye');
    await until('the end', 5000, async () => (await gate.connections()) === 0);
  });

  it('the gate declines an offer of HTTP/2 on a request without a body, which the upstream receives as an ordinary one', async (t) => {
    const upstream = await recordingUpstream(t);
    const { port } = await startGate(t, upstream.url, GATED);
    const offer = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n';
    const text = await rawExchange(port, `GET /x HTTP/1.1\r\nHost: a\r\n${offer}\r\n`, /received/);
    assert.match(text, /^HTTP\/1\.1 200/);
    assert.equal(
      upstream.requests[0]?.headers.some(([name]) => /^(?:upgrade|http2-settings)$/i.test(name)),
      false,
    );
  });

  it('the gate answers 501 to a method that the parser of Node does not know, and nothing reaches the upstream', async (t) => {
    const upstream = await recordingUpstream(t);
    const { port } = await startGate(t, upstream.url, GATED);
    for (const method of ['FROBNICATE', 'CLASSIFY', 'get'])
      assert.match(await rawExchange(port, `${method} /predict HTTP/1.1\r\nHost: a\r\n\r\n`), /^HTTP\/1\.1 501/);
    assert.equal(upstream.requests.length, 0);
  });

  it('an upgrade that the upstream declines gets an ordinary answer', async (t) => {
    const upstream = await recordingUpstream(t);
    const { port } = await startGate(t, upstream.url, GATED);
    const text = await rawExchange(
      port,
      'GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    );
    assert.match(text, /^HTTP\/1\.1 200 OK[\s\S]*\{"received":0\}$/);
  });

  it('an offer of HTTP/2 does not carry an image past the gate', async (t) => {
    const upstream = await recordingUpstream(t);
    const { port, engine, events } = await startGate(t, upstream.url, {
      routes: [{ ...GATED.routes[0], mode: 'enforce' }],
    });
    const body = image('OOD');
    const head = Buffer.from(
      `POST /predict HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\nContent-Length: ${body.length}\r\n\r\n`,
    );
    const text = await rawExchange(port, Buffer.concat([head, body]), /problem\+json[\s\S]*\}$/);
    assert.match(text, /^HTTP\/1\.1 422/);
    assert.equal(engine.requests.length, 1);
    assert.equal(upstream.requests.length, 0);
    assert.equal(events.length, 1);
  });
});

describe('the address of the upstream cannot be changed by a request', () => {
  it('absolute targets and Host do not select the upstream; CONNECT is refused', async (t) => {
    const upstream = await recordingUpstream(t);
    const elsewhere = await recordingUpstream(t);
    const { port } = await startGate(t, upstream.url, GATED);
    const { host } = new URL(elsewhere.url);
    const text = await rawExchange(
      port,
      `GET http://${host}/secret?x=1 HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
    );
    assert.match(text, /^HTTP\/1\.1 200/);
    assert.equal(upstream.requests[0]?.url, '/secret?x=1');
    assert.equal(elsewhere.requests.length, 0);
    assert.match(await rawExchange(port, `CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\n\r\n`), /^HTTP\/1\.1 405/);
    assert.match(await rawExchange(port, 'nonsense\r\n\r\n'), /^HTTP\/1\.1 (400|501)/);
  });

  it('requests with two lengths, or a length and chunks, are refused, because upstreams could split them differently', async (t) => {
    const upstream = await recordingUpstream(t);
    const { port } = await startGate(t, upstream.url, GATED);
    for (const framing of [
      'Content-Length: 3\r\nContent-Length: 4',
      'Content-Length: 3\r\nTransfer-Encoding: chunked',
      'Transfer-Encoding: chunked, identity',
    ]) {
      const text = await rawExchange(port, `POST / HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\nabc`, /\r\n\r\n/);
      assert.match(text, /^HTTP\/1\.1 400/, framing);
    }
    assert.equal(upstream.requests.length, 0);
  });
});

describe('clients that disconnect', () => {
  it('a client that disconnects ends its request to the upstream and its work in the engine', async (t) => {
    let [came, gone] = [0, 0];
    const server = createServer((request) => {
      came++;
      request.on('close', () => gone++);
    });
    const { port, engine, gate } = await startGate(t, await listen(t, server), GATED);
    const streamed = connect(port, '127.0.0.1');
    streamed.write('POST /other HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc');
    await until('the upstream has it', 5000, () => came === 1);
    streamed.destroy();
    await until('the upstream sees the end of the request', 5000, () => gone === 1);
    const read = connect(port, '127.0.0.1');
    read.write('POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n\xff\xd8\xff\xe0HANG;', 'latin1');
    await until('the engine has it', 5000, () => engine.requests.length === 1);
    read.destroy();
    await until('the engine receives the cancellation', 5000, () => engine.aborted === 1);
    await until('no connection is left', 5000, async () => (await gate.connections()) === 0);
  });
});

describe('upstreams that fail', () => {
  const misbehaving = async (
    t: Parameters<typeof listen>[0],
    act: (socket: import('node:net').Socket, n: number) => void,
  ) => {
    let n = 0;
    const server = createTcpServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => act(socket, ++n));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => void server.close());
    return { url: `http://127.0.0.1:${(server.address() as { port: number }).port}`, seen: () => n };
  };

  it('the gate answers 502 for an unreachable upstream, 504 for a slow one, 502 for one that does not speak HTTP', async (t) => {
    const unreachable = await startGate(t, 'http://127.0.0.1:9', GATED);
    const refused = await ask(unreachable.url, { method: 'GET' });
    assert.deepEqual([refused.status, JSON.parse(String(refused.body)).code], [502, 'upstream_unavailable']);
    const slow = await misbehaving(t, (socket) => t.after(() => socket.destroy()));
    const late = await startGate(t, slow.url, { ...GATED, upstream: { response_timeout_ms: 100 } });
    assert.equal((await ask(late.url, { method: 'GET' })).status, 504);
    const mad = await misbehaving(t, (socket) => socket.end('HTTP/9.9 what\r\n\r\n'));
    const gate = await startGate(t, mad.url, GATED);
    const wrong = await ask(gate.url, { method: 'POST', body: 'x', headers: [['Content-Length', '1']] });
    assert.deepEqual([wrong.status, JSON.parse(String(wrong.body)).code], [502, 'upstream_malformed']);
    assert.deepEqual(gate.events, [{ what: 'upstream', reason: 'malformed' }]);
  });

  it('a request whose upstream dies before its answer is repeated only where that is safe', async (t) => {
    const dying = await misbehaving(t, (socket, n) => {
      if (n % 2 === 1) socket.destroy();
      else socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
    const { url } = await startGate(t, dying.url, {
      routes: [{ match: { path: '/safe' }, adapter: 'raw', idempotent: true }, ...GATED.routes],
    });
    assert.equal((await ask(url, { method: 'GET' })).status, 200);
    assert.equal(dying.seen(), 2);
    const post = (path: string) => ask(url, { path, body: image('ID'), headers: [['Content-Length', '44']] });
    const lost = await post('/predict');
    assert.deepEqual([lost.status, JSON.parse(String(lost.body)).code], [502, 'upstream_closed']);
    assert.equal(dying.seen(), 3);
    await ask(url, { method: 'GET' });
    assert.equal((await post('/safe')).status, 200);
    assert.equal(dying.seen(), 6);
  });

  it("an upstream that dies in the middle of an answer ends the client's connection too", async (t) => {
    const half = await misbehaving(t, (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf'));
    const { url, gate } = await startGate(t, half.url, GATED);
    await assert.rejects(ask(url, { method: 'GET' }), /aborted|hang up|ECONNRESET/);
    await until('no connection is left', 5000, async () => (await gate.connections()) === 0);
  });

  it('the gate closes an idle connection to the upstream itself, before the upstream does, and no connection in use', async (t) => {
    const upstream = await recordingUpstream(t);
    upstream.server.keepAliveTimeout = 600_000;
    upstream.server.on('connection', (socket) => socket.once('end', () => ends++));
    let ends = 0;
    const keepAliveMs = 50;
    upstream.answer = (_request, response) => void setTimeout(() => response.end('ok'), 4 * keepAliveMs);
    const { url } = await startGate(t, upstream.url, { ...GATED, upstream: { keep_alive_ms: keepAliveMs } });
    assert.equal((await ask(url, { method: 'GET' })).status, 200);
    await until('the gate has closed the connection', 10_000, () => ends === 1);
    assert.equal((await ask(url, { method: 'GET' })).status, 200);
    assert.equal(settingsOf({ upstream: { url }, routes: [] }).upstream.keepAliveMs, 1500);
  });

  it('an upstream that stalls in the middle of an answer is disconnected', async (t) => {
    const stuck = await misbehaving(t, (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf'));
    const { url } = await startGate(t, stuck.url, { ...GATED, upstream: { idle_timeout_ms: 100 } });
    await assert.rejects(ask(url, { method: 'GET' }), /aborted|hang up|ECONNRESET/);
  });
});

describe('slow clients', () => {
  it('heads and bodies that never end (slow loris) are cut off, and other clients are served in the meantime', async (t) => {
    const upstream = await recordingUpstream(t);
    const { port, url, gate } = await startGate(t, upstream.url, {
      ...GATED,
      listen: { headers_timeout_ms: 2000, request_timeout_ms: 3000 },
    });
    const sockets = Array.from({ length: 100 }, (_, i) => {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => {});
      socket.write(
        i % 2
          ? 'GET / HTTP/1.1\r\nHost: a\r\nX-Slow: '
          : 'POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab',
      );
      return socket;
    });
    t.after(() => {
      for (const socket of sockets) socket.destroy();
    });
    // on a connection of its own, and its head in one piece
    assert.equal((await ask(url, { method: 'GET' })).status, 200);
    await until('all are cut off', 30_000, async () => (await gate.connections()) === 0);
    await until('and nothing of theirs is kept', 5000, () => gate.buffered === 0);
  });

  it('uploads that are slower than the smallest rate are answered with 408, whether a route reads them or not', async (t) => {
    const upstream = await recordingUpstream(t);
    const { port } = await startGate(t, upstream.url, {
      ...GATED,
      listen: { upload_min_rate: 50_000, upload_grace_ms: 300 },
    });
    for (const path of ['/predict', '/other']) {
      const socket = connect(port, '127.0.0.1');
      t.after(() => socket.destroy());
      let text = '';
      socket.on('error', () => {}).on('data', (chunk) => (text += chunk));
      socket.write(`POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n`);
      const drip = setInterval(() => socket.writable && socket.write('x'), 50);
      t.after(() => clearInterval(drip));
      await until('an answer', 10_000, () => text !== '');
      assert.match(text, /^HTTP\/1\.1 408 /);
    }
  });

  it('an upload that waits for the upstream to read it is not slow', async (t) => {
    const held: IncomingMessage[] = [];
    const reader = createServer((request, response) => {
      held.push(request);
      request.on('end', () => response.end('read'));
    });
    reader.listen(0, '127.0.0.1');
    await once(reader, 'listening');
    t.after(() => reader.close());
    const { port } = reader.address() as AddressInfo;
    const { url } = await startGate(t, `http://127.0.0.1:${port}`, {
      ...GATED,
      listen: { upload_min_rate: 1_000_000, upload_grace_ms: 300 },
    });
    const answered = ask(url, { path: '/other', body: Buffer.alloc(32 * 2 ** 20) });
    await until('the upstream has the request', 5000, () => held.length === 1);
    const began = performance.now();
    await until('four times the grace has gone by', 5000, () => performance.now() > began + 1200);
    held[0]?.resume();
    assert.deepEqual([(await answered).status], [200]);
  });
});
