import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { multipart, testApp } from '../helpers/app.ts';
import { until } from '../helpers/service.ts';

async function listen(t: TestContext, config = {}) {
  const test = await testApp(t, config);
  await test.app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = test.app.server.address() as { port: number };
  const served: Socket[] = [];
  test.app.server.on('connection', (socket: Socket) => served.push(socket));
  /** Bytes of this client that the server has read. */
  const received = (client: Socket) => served.find((s) => s.remotePort === client.localPort)?.bytesRead ?? 0;
  return { ...test, port, received, url: `http://127.0.0.1:${port}` };
}

async function open(t: TestContext, port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  t.after(() => socket.destroy());
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

const head = (length: number | 'chunked', type: string) =>
  `POST /v1/detect HTTP/1.1\r\nhost: localhost\r\ncontent-type: ${type}\r\n${length === 'chunked' ? 'transfer-encoding: chunked' : `content-length: ${length}`}\r\n\r\n`;

async function answer(socket: Socket): Promise<{ status: number; body: string }> {
  let text = '';
  socket.on('data', (chunk) => (text += chunk));
  await until('an answer', 5000, () => /\r\n\r\n[\s\S]*\}$/.test(text));
  return { status: Number(text.slice(9, 12)), body: text.slice(text.indexOf('\r\n\r\n') + 4) };
}

describe('uploads over real sockets', () => {
  it('a chunked body that arrives slowly is served', async (t) => {
    const { port, received } = await listen(t);
    const socket = await open(t, port);
    socket.write(head('chunked', 'image/png'));
    for (const part of ['PH', 'OT', 'O!']) {
      socket.write(`2\r\n${part}\r\n`);
      await until('the part has arrived', 5000, () => received(socket) >= socket.bytesWritten);
    }
    socket.write('0\r\n\r\n');
    assert.equal((await answer(socket)).status, 200);
  });

  it('answers 408 to a body that does not arrive in time however often a byte of it comes, and its memory is free again', async (t) => {
    const { port, url } = await listen(t, { uploadTimeoutMs: 1000, maxBodyBytes: 1000, maxBodiesBytes: 1000 });
    const slow = await open(t, port);
    slow.write(head(1000, 'image/png'));
    const drip = setInterval(() => slow.writable && slow.write('x'), 50);
    t.after(() => clearInterval(drip));
    const { status, body } = await answer(slow);
    assert.deepEqual([status, (JSON.parse(body) as { code: string }).code], [408, 'request_timeout']);
    await until('the connection is closed', 5000, () => slow.destroyed || slow.readableEnded);
    const next = await fetch(`${url}/v1/detect`, {
      method: 'POST',
      headers: { 'content-type': 'image/png' },
      body: 'PHOTO!'.padEnd(900),
    });
    assert.equal(next.status, 200, await next.text());
  });

  it('answers 408 to an upload that is slower than the smallest rate after the grace, and serves a faster one', async (t) => {
    const { port } = await listen(t, { maxImageBytes: 30_000, uploadMinRate: 50_000, uploadGraceMs: 300 });
    const fast = await open(t, port);
    fast.write(head(20_000, 'image/png') + 'PHOTO!'.padEnd(20_000));
    for (const length of [20_000, 'chunked'] as const) {
      const slow = await open(t, port);
      slow.write(head(length, 'image/png'));
      const drip = setInterval(() => slow.writable && slow.write(length === 'chunked' ? '1\r\nx\r\n' : 'x'), 50);
      t.after(() => clearInterval(drip));
      const { status, body } = await answer(slow);
      assert.deepEqual([status, (JSON.parse(body) as { code: string }).code], [408, 'request_timeout']);
      await until('the connection is closed', 5000, () => slow.destroyed || slow.readableEnded);
    }
    assert.equal((await answer(fast)).status, 200);
  });

  it('a client that disconnects during its upload reaches no engine and leaves no connection', async (t) => {
    const { app, port, engine, url, received } = await listen(t);
    const { payload, headers } = multipart([{ data: 'x'.repeat(8000) }]);
    for (const type of [headers['content-type'], 'image/png']) {
      const socket = await open(t, port);
      socket.write(head(payload.length, type));
      socket.write(payload.subarray(0, 4000));
      await until('half of it has arrived', 5000, () => received(socket) >= socket.bytesWritten);
      socket.destroy();
    }
    await until(
      'both connections are closed',
      5000,
      async () => (await new Promise<number>((r) => app.server.getConnections((_e, n) => r(n)))) === 0,
    );
    assert.equal(engine.requests.length, 0);
    assert.equal((await fetch(`${url}/livez`)).status, 200);
  });

  it('the work for a client that has disconnected is aborted', async (t) => {
    const { port, engine } = await listen(t);
    let open_: () => void = () => {};
    engine.gate = new Promise<void>((resolve) => {
      open_ = resolve;
    });
    const socket = await open(t, port);
    socket.write(`${head(5, 'image/png')}PHOTO`);
    await until('the engine has it', 5000, () => engine.requests.length === 1);
    assert.equal(engine.aborted, 0);
    socket.destroy();
    await until('the engine receives the cancellation', 5000, () => engine.aborted === 1);
    open_();
  });

  it('answers 413 to a Content-Length above the limit before the body is sent', async (t) => {
    const { port } = await listen(t);
    const socket = await open(t, port);
    socket.write(head(1_000_000_000, 'image/png'));
    const { status, body } = await answer(socket);
    assert.deepEqual([status, JSON.parse(body).code], [413, 'payload_too_large']);
  });

  it('answers 413 when a chunked body exceeds the limit', async (t) => {
    const { url } = await listen(t);
    const endless = new ReadableStream({
      pull(controller) {
        controller.enqueue(new Uint8Array(10_000));
      },
    });
    const response = await fetch(`${url}/v1/detect`, {
      method: 'POST',
      body: endless,
      headers: { 'content-type': 'image/png' },
      duplex: 'half',
    } as RequestInit);
    assert.equal(response.status, 413);
  });

  it('bytes that are not HTTP get 400', async (t) => {
    const { port, url } = await listen(t);
    const socket = await open(t, port);
    let text = '';
    socket.on('data', (chunk) => (text += chunk));
    socket.write('\x16\x03\x01\x02\0\x01\0\x01\xfc\r\n\r\n');
    await until('an answer', 5000, () => text !== '');
    assert.match(text, /^HTTP\/1\.1 400/);
    assert.equal((await fetch(`${url}/livez`)).status, 200);
  });
});
