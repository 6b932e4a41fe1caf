import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { testApp } from '../helpers/app.ts';
import { launchBrowser, openPage, skipBrowser } from '../helpers/browser.ts';

describe('a page of another origin in a real browser', { skip: skipBrowser }, () => {
  it('sends a form with an input in which no file was chosen, once its origin is listed, and reads the verdict', async (t) => {
    const site = createServer((_request, reply) =>
      reply.setHeader('content-type', 'text/html').end('<title>app</title>'),
    );
    site.listen(0, '127.0.0.1');
    await once(site, 'listening');
    t.after(() => site.close());
    const { port } = site.address() as AddressInfo;
    const { app } = await testApp(t, { corsOrigins: `http://app.example:${port}` });
    const url = await app.listen({ host: '127.0.0.1', port: 0 });
    const browser = await launchBrowser(['--host-resolver-rules=MAP *.example 127.0.0.1']);
    t.after(() => browser.close());
    const send = `(async () => {
      document.body.innerHTML = '<form><input type="file" name="constructor"><input type="file" name="photo"><input name="__proto__" value="x"></form>';
      const chosen = new DataTransfer();
      chosen.items.add(new File(['PHOTO'], 'photo.png', { type: 'image/png' }));
      document.querySelectorAll('input')[1].files = chosen.files;
      const body = new FormData(document.forms[0]);
      try {
        const reply = await fetch('${url}/v1/detect', { method: 'POST', body, headers: { 'x-request-priority': 'interactive' } });
        return { id: reply.headers.get('x-request-id'), results: (await reply.json()).results };
      } catch (error) {
        return { failed: String(error) };
      }
    })()`;
    interface Sent {
      id?: string;
      failed?: string;
      results?: { id: string; decision: string }[];
    }
    const listed = await openPage(browser, `http://app.example:${port}/`);
    const sent = (await listed.page.evaluate(send)) as Sent;
    assert.deepEqual(
      sent.results?.map((r) => r.id),
      ['photo.png'],
      JSON.stringify(sent),
    );
    assert.ok(sent.id, 'the request id is readable');
    const tenants = await listed.page.evaluate(`fetch('${url}/v1/tenants').then(() => 'read', () => 'refused')`);
    assert.equal(tenants, 'refused');
    const other = await openPage(browser, `http://other.example:${port}/`);
    assert.match(String(((await other.page.evaluate(send)) as Sent).failed), /TypeError/);
    await listed.close();
    await other.close();
  });
});
