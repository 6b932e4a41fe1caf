import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { testApp } from '../helpers/app.ts';
import { recordingUpstream, startGate } from '../helpers/gate.ts';
import { until } from '../helpers/service.ts';

const LARGE = 20_000_000;
/** Bodies that are refused long before their end. The rest is more than the buffers between client and server hold. */
const REFUSED: [name: string, head: string, status: number, path?: string][] = [
  ['JSON of too many values', 'content-type: application/json\r\ntransfer-encoding: chunked', 400],
  [
    'JSON of too many values for the Open Inference Protocol',
    'content-type: application/json\r\ntransfer-encoding: chunked',
    400,
    '/v2/models/demo/infer',
  ],
  ['an announced length over the limit', `content-type: image/png\r\ncontent-length: ${LARGE}`, 413],
  ['an image over the limit', 'content-type: image/png\r\ntransfer-encoding: chunked', 413],
];

interface Front {
  port: number;
  connections(): Promise<number>;
  close(): Promise<unknown>;
}

async function service(t: TestContext): Promise<Front> {
  const { app } = await testApp(t);
  await app.listen({ host: '127.0.0.1', port: 0 });
  return {
    port: (app.server.address() as { port: number }).port,
    connections: () => new Promise((resolve) => app.server.getConnections((_error, count) => resolve(count))),
    close: () => app.close(),
  };
}

async function gate(t: TestContext): Promise<Front> {
  const upstream = await recordingUpstream(t);
  const routes = [{ match: { path: '/**' }, mode: 'enforce', max_body_bytes: 10_000 }];
  const started = await startGate(t, upstream.url, { routes });
  return {
    port: started.port,
    connections: () => started.gate.connections(),
    close: () => started.gate.close(),
  };
}

/** A client that has sent the head of a request, and reads nothing before it is resumed. */
async function client(
  t: TestContext,
  port: number,
  head: string,
  path = '/v1/detect',
): Promise<{ socket: Socket; text(): string }> {
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  t.after(() => socket.destroy());
  let text = '';
  socket.on('data', (chunk) => (text += chunk)).pause();
  await once(socket, 'connect');
  socket.write(`POST ${path} HTTP/1.1\r\nhost: localhost\r\n${head}\r\n\r\n`);
  return { socket, text: () => text };
}

/** Sends a body of LARGE bytes; false if the connection ends before. */
async function sendBody(socket: Socket, head: string): Promise<boolean> {
  const chunked = /chunked/.test(head);
  const piece = Buffer.alloc(20_000, '0,');
  for (let sent = 0; sent < LARGE; sent += piece.length) {
    if (sent === 0) piece.write('[');
    const data = chunked
      ? Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')])
      : piece;
    if (!socket.write(data) && !socket.destroyed)
      await new Promise((resolve) => socket.once('drain', resolve).once('close', resolve));
    if (socket.destroyed) return false;
  }
  if (chunked) socket.write('0\r\n\r\n');
  return true;
}

describe('a body that is refused before its end', () => {
  for (const [name, head, status, path] of REFUSED)
    it(`a client that sends all of its body before it reads gets ${status} from the service: ${name}`, async (t) => {
      const { port } = await service(t);
      const { socket, text } = await client(t, port, head, path);
      assert.ok(await sendBody(socket, head), 'the connection was cut');
      socket.resume();
      await once(socket, 'close');
      assert.match(text(), new RegExp(`^HTTP/1.1 ${status} [\\s\\S]*\\}$`));
    });

  it('a client that sends all of its body before it reads gets the answer of the gate', async (t) => {
    const { port } = await gate(t);
    for (const [, head] of REFUSED) {
      const { socket, text } = await client(t, port, head);
      assert.ok(await sendBody(socket, head), 'the connection was cut');
      socket.resume();
      await once(socket, 'close');
      assert.match(text(), /^HTTP\/1.1 413 [\s\S]*\}$/);
    }
  });

  for (const [name, start] of Object.entries({ service, gate })) {
    it(`the ${name} closes the connection of a client that sends nothing more, after 5 s`, async (t) => {
      const { port, connections } = await start(t);
      t.mock.timers.enable({ apis: ['setInterval'] });
      const { socket, text } = await client(t, port, `content-type: image/png\r\ncontent-length: ${LARGE}`);
      socket.resume();
      await once(socket, 'end');
      assert.match(text(), /^HTTP\/1.1 413 /);
      for (let i = 0; i < 18; i++) t.mock.timers.tick(250);
      assert.equal(await connections(), 1);
      for (let i = 0; i < 2; i++) t.mock.timers.tick(250);
      t.mock.timers.reset();
      await until('the connection is closed', 5000, async () => (await connections()) === 0);
    });

    it(`a shutdown of the ${name} does not wait for the rest of the body`, async (t) => {
      const { port, close } = await start(t);
      const { socket, text } = await client(t, port, `content-type: image/png\r\ncontent-length: ${LARGE}`);
      socket.resume();
      await until('the answer', 5000, () => text().endsWith('}'));
      const pace = setInterval(() => socket.write('0'), 20);
      t.after(() => clearInterval(pace));
      // the client itself would go on for ever
      await close();
    });
  }
});
