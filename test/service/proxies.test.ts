import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { testApp } from '../helpers/app.ts';
import { image, startGate, WordEngine } from '../helpers/gate.ts';
import { ROOT } from '../helpers/paths.ts';
import { missing, proxy } from '../helpers/proxies.ts';

async function classifier(t: TestContext) {
  const paths: string[] = [];
  const server = createServer((request, response) => {
    paths.push(`${request.method} ${request.url}`);
    request.resume().on('end', () => response.end('classified'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close().closeAllConnections());
  return { paths, port: (server.address() as AddressInfo).port };
}

/** The service without a gate file, which judges POST for the tenant demo. */
async function service(t: TestContext) {
  const test = await testApp(t, { host: '0.0.0.0' });
  const words = new WordEngine();
  test.engine.detect = (request, signal) => words.detect(request, signal);
  await test.app.listen({ host: '127.0.0.1', port: 0 });
  const counted = async () =>
    Number(/incomplete_bodies_total\{kind="missing"\} (\d+)/.exec(await test.metrics.registry.metrics())?.[1] ?? 0);
  return { port: (test.app.server.address() as AddressInfo).port, counted };
}

const send = async (url: string, init: RequestInit = {}) => (await fetch(url, init)).status;
const post = (word: string): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'image/jpeg', 'x-forwarded-uri': '/forged', 'x-forwarded-method': 'GET' },
  body: new Uint8Array(image(word)),
});

const nginxFile = (folder: string, server: string) => `
pid ${folder}/pid; error_log ${folder}/log;
events {}
http {
  access_log off;
  client_body_temp_path ${folder}/temporary/a; proxy_temp_path ${folder}/temporary/b; fastcgi_temp_path ${folder}/temporary/c;
  uwsgi_temp_path ${folder}/temporary/d; scgi_temp_path ${folder}/temporary/e;
  ${server}
}`;

describe('proxies that send no body with their question', () => {
  it('auth_request of nginx lets no image pass unseen, however it names the request', {
    skip: missing.nginx,
  }, async (t) => {
    const { port, counted } = await service(t);
    const upstream = await classifier(t);
    const gate = `http://127.0.0.1:${port}/v1/ext-authz`;
    const names = 'proxy_set_header X-Forwarded-Method $request_method; proxy_set_header X-Forwarded-Uri $request_uri;';
    const without = 'proxy_pass_request_body off; proxy_set_header Content-Length "";';
    const questions: Record<string, string> = {
      behind: `proxy_pass ${gate}$request_uri; ${without}`,
      named: `proxy_pass ${gate}; ${names} ${without}`,
      announced: `proxy_pass ${gate}$request_uri;`,
    };
    const locations = Object.entries(questions).map(
      ([name, question]) => `
        location = /_${name} { internal; ${question} }
        location /${name} { auth_request /_${name}; proxy_pass http://127.0.0.1:${upstream.port}; }`,
    );
    const address = await proxy(t, 'nginx', (own, folder) =>
      nginxFile(folder, `server { listen 127.0.0.1:${own}; ${locations.join('')} }`),
    );
    for (const [i, name] of Object.keys(questions).entries()) {
      assert.equal(await send(`${address}/${name}`, post('ID')), 403, name);
      assert.equal(await counted(), i + 1, name);
      assert.equal(await send(`${address}/${name}`), 200, name);
    }
    assert.deepEqual(
      upstream.paths,
      Object.keys(questions).map((name) => `GET /${name}`),
    );
  });

  it('forward_auth of Caddy lets no image pass unseen', { skip: missing.caddy }, async (t) => {
    const { port, counted } = await service(t);
    const upstream = await classifier(t);
    const address = await proxy(
      t,
      'caddy',
      (own) => `{
        auto_https off
        admin off
      }
      http://127.0.0.1:${own} {
        forward_auth 127.0.0.1:${port} {
          uri /v1/ext-authz
        }
        reverse_proxy 127.0.0.1:${upstream.port}
      }`,
    );
    assert.equal(await send(`${address}/predict`, post('ID')), 403);
    assert.equal(await counted(), 1);
    assert.equal(await send(`${address}/predict?x=1`), 200);
    assert.equal(upstream.paths.at(-1), 'GET /predict?x=1');
  });
});

describe('the gate behind a proxy, as the examples of the documentation have it', () => {
  for (const [program, file] of [
    ['nginx', 'nginx.conf'],
    ['caddy', 'Caddyfile'],
  ] as const) {
    it(`${file}: images are judged with their body`, { skip: missing[program] }, async (t) => {
      const upstream = await classifier(t);
      const { url } = await startGate(t, `http://127.0.0.1:${upstream.port}`, {
        routes: [{ match: { path: '/**' }, mode: 'enforce' }],
      });
      const text = await readFile(join(ROOT, 'docs/examples', file), 'utf8');
      const address = await proxy(t, program, (own, folder) => {
        const here = text
          .replaceAll('clipn-gate:8081', new URL(url).host)
          .replace('listen 10000', `listen 127.0.0.1:${own}`)
          .replace(':10000', `http://127.0.0.1:${own}`);
        assert.notEqual(here, text);
        return program === 'nginx'
          ? nginxFile(folder, here.slice(here.indexOf('  server {'), here.lastIndexOf('}')))
          : here;
      });
      assert.equal(await send(`${address}/predict`, post('ID')), 200);
      assert.equal(await send(`${address}/predict`, post('OOD')), 422);
      assert.ok(upstream.paths.includes('POST /predict'));
    });
  }
});
