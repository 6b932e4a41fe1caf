import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import { launchBrowser, openPage, skipBrowser } from '../helpers/browser.ts';
import { temporaryDirectory } from '../helpers/paths.ts';
import { type Service, startService } from '../helpers/service.ts';

describe('a page of another site, in a browser on the machine of a service without API keys', {
  skip: skipBrowser,
}, () => {
  const closing: (() => unknown)[] = [];
  const suite = { after: (f: () => unknown) => void closing.push(f) };
  const site = createServer((_request, reply) =>
    reply.setHeader('content-type', 'text/html').end('<title>site</title>'),
  );
  let service: Service;
  let browser: Browser;

  before(async () => {
    service = await startService(suite as never, await temporaryDirectory(suite as never));
    site.listen(0, '127.0.0.1');
    await once(site, 'listening');
    // both names resolve to this machine, as with DNS rebinding
    browser = await launchBrowser(['--host-resolver-rules=MAP *.example 127.0.0.1']);
  });
  after(async () => {
    await browser?.close();
    site.close();
    for (const f of closing.reverse()) await f();
  });

  const requestsOf = async () => {
    const text = await (await fetch(`${service.url}/metrics`)).text();
    return text.split('\n').filter((line) => line.startsWith('clipn_requests_total{'));
  };

  it('can send no image, no reload and no form: each is answered with 403', async () => {
    const { port } = site.address() as AddressInfo;
    for (const name of ['evil.example', '127.0.0.1', 'localhost']) {
      const { page, close } = await openPage(browser, `http://${name}:${port}/`);
      // requests that a browser sends without asking first
      const send = `path => fetch('${service.url}' + path, { method: 'POST', mode: 'no-cors', body: 'x' })`;
      await page.evaluate(
        `Promise.all(['/v1/detect', '/v1/admin/reload', '/v1/ext-authz/'].map(${send})).then(() => {})`,
      );
      const form = page.waitForResponse((response) => response.url().startsWith(service.url));
      await page.evaluate(`
        document.body.innerHTML = '<form method="post" action="${service.url}/v1/detect"><input name="a"></form>';
        document.forms[0].submit()`);
      assert.equal((await form).status(), 403, name);
      await close();
    }
    const posts = (await requestsOf()).filter((line) => line.includes('method="POST"'));
    assert.ok(posts.length >= 3, String(posts));
    for (const line of posts) assert.match(line, /status="(403|503)"/);
    assert.ok(!posts.some((line) => line.includes('status="503"') && !line.includes('ext-authz')), String(posts));
  });

  it('reads nothing under a name of its own that resolves to this machine', async () => {
    const rebound = service.url.replace('127.0.0.1', 'evil.example').replace('localhost', 'evil.example');
    const { page, close } = await openPage(browser, `${rebound}/livez`);
    const status = (path: string, init: object = {}) =>
      page.evaluate(`fetch('${path}', ${JSON.stringify(init)}).then((reply) => reply.status)`);
    const statuses = [
      await status('/v1/tenants'),
      await status('/'),
      await status('/metrics'),
      await status('/v1/detect', { method: 'POST', body: 'x' }),
      await status('/v1/tenants/demo', { method: 'DELETE', headers: { 'x-forwarded-host': 'localhost' } }),
    ];
    assert.deepEqual(statuses, [421, 421, 421, 421, 421]);
    await close();
    assert.equal((await fetch(`${service.url}/v1/tenants/demo`)).status, 200);
  });
});
