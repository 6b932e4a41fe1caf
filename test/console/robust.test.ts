import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import axe from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { launchBrowser, openPage, skipBrowser } from '../helpers/browser.ts';
import { waves } from '../helpers/images.ts';
import { temporaryDirectory } from '../helpers/paths.ts';
import { type Service, startService } from '../helpers/service.ts';

/** Forwards what comes under the prefix, without it. */
function stripPrefix(prefix: string, target: string) {
  return createServer((incoming: IncomingMessage, outgoing: ServerResponse) => {
    const path = incoming.url ?? '';
    if (!path.startsWith(prefix)) return outgoing.writeHead(404).end();
    const { method, headers } = incoming;
    const forward = request(target + path.slice(prefix.length - 1), { method: method as string, headers }, (reply) => {
      outgoing.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(outgoing);
    });
    forward.on('error', () => outgoing.destroy());
    incoming.pipe(forward);
  });
}

async function seriousFindings(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = (await page.evaluate('axe.run(document)')) as axe.AxeResults;
  return violations
    .filter((v) => v.impact === 'serious' || v.impact === 'critical')
    .map((v) => `${v.id}: ${v.nodes.map((n) => `${n.target} ${n.failureSummary}`).join('; ')}`);
}

describe('console', { skip: skipBrowser }, () => {
  const closing: (() => unknown)[] = [];
  const suite = { after: (f: () => unknown) => void closing.push(f) };
  let dataDir: string;
  let service: Service;
  let browser: Browser;
  let picture: { name: string; mimeType: string; buffer: Buffer };

  before(async () => {
    dataDir = await temporaryDirectory(suite as never);
    service = await startService(suite as never, dataDir);
    browser = await launchBrowser();
    picture = { name: 'a.png', mimeType: 'image/png', buffer: await waves(60, 40, 1).png().toBuffer() };
  });
  after(async () => {
    await browser?.close();
    for (const f of closing.reverse()) await f();
  });

  const bars = (page: Page, name: string) => page.getByRole('article', { name }).locator('.bars').waitFor();

  it('no page of the console has serious accessibility findings, light or dark, on a phone or a desktop', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const viewport = colorScheme === 'light' ? { width: 390, height: 844 } : { width: 1440, height: 900 };
      const { page, close } = await openPage(browser, service.url, { colorScheme, viewport });
      await page.getByText('dog').first().waitFor();
      assert.deepEqual(await seriousFindings(page), [], `${colorScheme}: empty playground`);
      await page.getByLabel('My own class names').check();
      await page.getByLabel('Class names', { exact: true }).fill('dog\nzzyzxqq');
      await page
        .locator('input[type=file]')
        .setInputFiles([picture, { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('no picture') }]);
      await bars(page, 'a.png');
      await page.getByRole('alert').waitFor();
      assert.deepEqual(await seriousFindings(page), [], `${colorScheme}: verdicts`);
      await page.getByLabel('Grid').check();
      await page.locator('.tile button').first().click();
      assert.deepEqual(await seriousFindings(page), [], `${colorScheme}: grid with a dialog`);
      await page.keyboard.press('Escape');
      for (const [link, text] of [
        ['Tenants', 'demo'],
        ['Now', 'By tenant'],
      ] as const) {
        await page.getByRole('link', { name: link, exact: true }).click();
        await page.getByText(text, { exact: true }).waitFor();
        assert.deepEqual(await seriousFindings(page), [], `${colorScheme}: ${link}`);
      }
      await page.goto(`${service.url}/#/tenants/demo`);
      await page.getByLabel('Classes').waitFor();
      await page.getByText('Rule, negative labels, prompts, limits and review').click();
      await page.getByLabel('Classes').fill('dog\nhorse');
      assert.deepEqual(await seriousFindings(page), [], `${colorScheme}: editor`);
      await close();
    }
  });

  it('no page of the console scrolls sideways, from a small phone to a wide screen', async () => {
    for (const width of [320, 390, 768, 1280, 2200]) {
      const { page, close } = await openPage(browser, service.url, { viewport: { width, height: 800 } });
      await page.locator('input[type=file]').setInputFiles([picture]);
      await bars(page, 'a.png');
      for (const hash of ['#/playground', '#/tenants', '#/tenants/demo', '#/now']) {
        await page.goto(`${service.url}/${hash}`);
        await page.locator('main h2, main article').first().waitFor();
        const wider = await page.evaluate(
          'document.documentElement.scrollWidth - document.documentElement.clientWidth',
        );
        assert.equal(wider, 0, `${hash} at ${width}`);
      }
      await close();
    }
  });

  it('the console works by keyboard alone', async () => {
    const { page, close } = await openPage(browser, service.url);
    await page.getByText('dog').first().waitFor();
    const tabTo = async (what: RegExp) => {
      for (let i = 0; i < 40; i++) {
        await page.keyboard.press('Tab');
        const name = (await page.evaluate(
          'document.activeElement.innerText || document.activeElement.closest("label")?.innerText || document.activeElement.id',
        )) as string;
        if (what.test(name)) return;
      }
      assert.fail(`${what} is not reached by Tab`);
    };
    await tabTo(/Skip to the content/);
    await page.keyboard.press('Enter');
    await tabTo(/A tenant|My own class names/);
    await page.keyboard.press('ArrowRight');
    await page.getByLabel('Class names', { exact: true }).waitFor();
    const choosing = page.waitForEvent('filechooser');
    await tabTo(/Choose photos/);
    await page.keyboard.press('Enter');
    await (await choosing).setFiles([picture]);
    await page.getByText('Type class names to compare').waitFor();
    await close();
  });

  it('the console works behind a path prefix', async (t) => {
    const proxy = stripPrefix('/some/where/', service.url);
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    t.after(() => {
      proxy.closeAllConnections();
      proxy.close();
    });
    const base = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/some/where/`;
    const { page, errors, close } = await openPage(browser, base);
    const failed: string[] = [];
    page.on('response', (r) => r.status() >= 400 && failed.push(r.url()));
    await page.locator('input[type=file]').setInputFiles([picture]);
    await bars(page, 'a.png');
    for (const link of ['Tenants', 'Now']) {
      await page.getByRole('link', { name: link, exact: true }).click();
      await page.getByText('demo', { exact: true }).first().waitFor();
    }
    assert.deepEqual({ errors, failed }, { errors: [], failed: [] });
    await page.getByRole('link', { name: 'API' }).click();
    await page.locator('.swagger-ui').first().waitFor();
    await close();
  });

  it('the console reports a restart of the service, waits, and continues by itself', async () => {
    const { page, errors, close } = await openPage(browser, service.url);
    await page.locator('input[type=file]').setInputFiles([picture]);
    await bars(page, 'a.png');
    const { port } = new URL(service.url);
    service.child.kill('SIGKILL');
    await service.exited;
    await page.getByText('The service does not answer. This page continues').waitFor();
    await page.locator('input[type=file]').setInputFiles([{ ...picture, name: 'b.png' }]);
    await page
      .getByRole('article', { name: 'b.png' })
      .getByText(/trying again/)
      .waitFor();
    service = await startService(suite as never, dataDir, { CLIPN_PORT: port });
    await bars(page, 'b.png');
    await page.locator('.banner').waitFor({ state: 'detached' });
    assert.deepEqual(errors, []);
    await close();
  });
});
