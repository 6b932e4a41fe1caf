import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { testApp } from '../helpers/app.ts';
import { envoy, noEnvoy } from '../helpers/envoy.ts';
import { image, WordEngine } from '../helpers/gate.ts';
import { listeningGrpc } from '../helpers/grpc.ts';

interface Arrived {
  method: string | undefined;
  url: string | undefined;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** A classifier that remembers requests. */
async function classifier(t: TestContext) {
  const arrived: Arrived[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method, url, headers } = request;
    arrived.push({ method, url, headers, body: Buffer.concat(chunks) });
    response.end('classified');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close().closeAllConnections());
  return { arrived, port: (server.address() as AddressInfo).port };
}

type Kind = 'http' | 'grpc';

/** The service with keys, Envoy with the example of the documentation, and a classifier behind it. */
async function behindEnvoy(t: TestContext, kind: Kind, more: [string | RegExp, string][] = []) {
  const test = await testApp(t, { maxBodyBytes: 2 ** 24 }, { mode: 'keys' });
  const words = new WordEngine();
  test.engine.detect = (request, signal) => words.detect(request, signal);
  const { key } = await test.access.key(['detect:demo']);
  await test.app.listen({ host: '127.0.0.1', port: 0 });
  const { port: grpcPort } = await listeningGrpc(t, test.app);
  const port = kind === 'grpc' ? grpcPort : (test.app.server.address() as AddressInfo).port;
  const { arrived, port: upstream } = await classifier(t);
  const address = await envoy(t, `envoy-${kind}.yaml`, [
    ['address: classifier, port_value: 8000', `address: 127.0.0.1, port_value: ${upstream}`],
    [/address: clipn-gate, port_value: \d+/, `address: 127.0.0.1, port_value: ${port}`],
    ['clipn_KEY', key],
    ...more,
  ]);
  const send = async (body: Buffer | string | undefined, init: RequestInit & { path?: string } = {}) => {
    const { path = '/predict?x=1', headers, ...rest } = init;
    const answer = await fetch(`${address}${path}`, {
      method: 'POST',
      ...rest,
      headers: { ...(body === undefined ? {} : { 'content-type': 'image/jpeg' }), ...(headers as object) },
      ...(body === undefined ? {} : { body: new Uint8Array(Buffer.from(body)) }),
    });
    return { status: answer.status, headers: answer.headers, text: await answer.text() };
  };
  return { ...test, words, arrived, address, send };
}

describe('external authorization with a real Envoy', { skip: noEnvoy }, () => {
  for (const kind of ['http', 'grpc'] as const) {
    it(`ID requests pass with the verdict, OOD ones are refused with it, by ${kind}`, async (t) => {
      const { send, arrived } = await behindEnvoy(t, kind);
      const forged = { 'x-clipn-verdict': 'id', 'X-Clipn-Forged': 'yes', 'x-clipn-tenant': 'other' };
      const id = await send(image('ID', 200_000), { headers: forged });
      assert.deepEqual([id.status, id.text, id.headers.get('x-clipn-verdict')], [200, 'classified', 'id']);
      const [{ headers, body, url }] = arrived as [Arrived];
      assert.deepEqual([url, headers['x-clipn-verdict'], headers['x-clipn-tenant']], ['/predict?x=1', 'id', 'demo']);
      assert.equal(headers['x-clipn-forged'], undefined);
      assert.deepEqual(body, image('ID', 200_000));

      const ood = await send(image('OOD'), { headers: forged });
      assert.deepEqual([ood.status, ood.headers.get('x-clipn-verdict')], [403, 'ood']);
      assert.match(String(ood.headers.get('content-type')), /^application\/problem\+json/);
      assert.equal(JSON.parse(ood.text).code, 'out_of_distribution');
      assert.equal(arrived.length, 1);
    });

    it(`images in JSON and in forms are judged, by ${kind}`, async (t) => {
      const { send } = await behindEnvoy(t, kind);
      const json = (word: string) => JSON.stringify({ instances: [{ b64: image(word).toString('base64') }] });
      const headers = { 'content-type': 'application/json' };
      assert.equal((await send(json('ID'), { headers })).status, 200);
      assert.equal((await send(json('OOD'), { headers })).status, 403);
      const form = new FormData();
      form.set('file', new Blob([new Uint8Array(image('OOD'))], { type: 'image/jpeg' }), 'a.jpg');
      assert.equal((await send(undefined, { body: form })).status, 403);
    });

    it(`requests without an image pass, whatever their method and path, by ${kind}`, async (t) => {
      const { address, send, arrived } = await behindEnvoy(t, kind);
      for (const method of ['GET', 'DELETE', 'OPTIONS', 'PROPFIND', 'PURGE', 'REPORT'])
        assert.equal((await send(undefined, { method, headers: { 'x-clipn-forged': 'yes' } })).status, 200, method);
      assert.equal((await send(undefined)).status, 200);
      for (const target of ['/%zz', `/${'long/'.repeat(800)}`, '//a/../b?c=%'])
        assert.match(await status(address, target), /^HTTP\/1.1 200 /, target);
      assert.ok(arrived.every(({ headers }) => headers['x-clipn-forged'] === undefined));
    });

    it(`without a verdict the setting of Envoy decides, by ${kind}`, async (t) => {
      const { send, arrived, words } = await behindEnvoy(t, kind);
      assert.equal((await send(image('DOWN'))).status, 503);
      assert.equal((await send(image('BAD'))).status, 403);
      assert.equal(arrived.length, 0);
      words.down = false;
      const open = await behindEnvoy(t, kind, [['failure_mode_allow: false', 'failure_mode_allow: true']]);
      assert.equal((await open.send(image('BUSY'))).status, 200);
      assert.equal((await open.send(image('OOD'))).status, 403);
    });

    it(`a proxy that sends no bodies, or their beginning, lets no image pass unseen, by ${kind}`, async (t) => {
      const body = /with_request_body: \{[^}]*\}/;
      const none = await behindEnvoy(t, kind, [[body, 'clear_route_cache: false']]);
      assert.equal((await none.send(image('ID'))).status, 403);
      assert.equal((await none.send(undefined, { method: 'GET' })).status, 200);
      assert.match(await none.metrics.registry.metrics(), /clipn_gate_incomplete_bodies_total\{kind="missing"\} 1/);
      assert.equal(none.log.filter((line) => line.includes('without the bodies')).length, 1);
      const pack = kind === 'grpc' ? ', pack_as_bytes: true' : '';
      const part = await behindEnvoy(t, kind, [
        [body, `with_request_body: { max_request_bytes: 1000, allow_partial_message: true${pack} }`],
      ]);
      assert.equal((await part.send(image('ID', 5000))).status, 503);
      assert.equal((await part.send(image('ID', 900))).status, 200);
    });
  }

  it('a body that Envoy sends as text is refused where bytes of it were replaced', async (t) => {
    const { send, metrics } = await behindEnvoy(t, 'grpc', [[', pack_as_bytes: true', '']]);
    assert.equal((await send(image('ID'))).status, 403);
    assert.match(await metrics.registry.metrics(), /clipn_gate_incomplete_bodies_total\{kind="altered"\} 1/);
    const text = JSON.stringify({ b64: image('OOD').toString('base64') });
    assert.equal((await send(text, { headers: { 'content-type': 'application/json' } })).status, 403);
    const id = JSON.stringify({ b64: image('ID').toString('base64') });
    assert.equal((await send(id, { headers: { 'content-type': 'application/json' } })).status, 200);
  });
});

/** The status line of a request whose target is sent as it is. */
async function status(address: string, target: string): Promise<string> {
  const { hostname, port } = new URL(address);
  const socket = connect(Number(port), hostname);
  socket.write(`GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('latin1').split('\r\n')[0] as string;
}
