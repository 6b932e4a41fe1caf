import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { launchBrowser, openPage, skipBrowser } from '../helpers/browser.ts';
import { waves } from '../helpers/images.ts';
import { COMMAND, ROOT, temporaryDirectory } from '../helpers/paths.ts';
import { environment, type Service, startService } from '../helpers/service.ts';

describe('access', { skip: skipBrowser }, () => {
  const closing: (() => unknown)[] = [];
  const suite = { after: (f: () => unknown) => void closing.push(f) };
  let service: Service;
  let browser: Browser;
  let admin: string;

  before(async () => {
    const dir = await temporaryDirectory(suite as never);
    const { stdout, stderr } = spawnSync(
      process.execPath,
      [COMMAND, 'keys', 'create', '--admin', '--name', 'first', '--json'],
      { cwd: ROOT, encoding: 'utf8', env: environment({ CLIPN_DATA_DIR: dir }) },
    );
    admin = /clipn_\w+_\w+/.exec(stdout)?.[0] ?? assert.fail(stdout + stderr);
    service = await startService(suite as never, dir);
    browser = await launchBrowser();
  });
  after(async () => {
    await browser?.close();
    for (const f of closing.reverse()) await f();
  });

  async function newKey(scopes: string[]): Promise<{ id: string; key: string }> {
    const response = await fetch(`${service.url}/v1/admin/keys`, {
      method: 'POST',
      headers: { 'x-api-key': admin, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'console', scopes }),
    });
    return (await response.json()) as { id: string; key: string };
  }

  async function giveKey(page: Page, key: string): Promise<void> {
    const dialog = page.getByRole('dialog', { name: 'API key' });
    await dialog.getByLabel('Key', { exact: true }).fill(key);
    await dialog.getByRole('button', { name: 'Use this key' }).click();
  }

  const addPicture = async (page: Page, name: string, seed: number) =>
    page
      .locator('input[type=file]')
      .setInputFiles([{ name, mimeType: 'image/png', buffer: await waves(60, 40, seed).png().toBuffer() }]);

  it('the console asks for a key, rejects a wrong one, keeps it in the session only, and asks again after its revocation', async () => {
    const { id, key } = await newKey(['admin']);
    const { page, errors, foreign, close } = await openPage(browser, service.url);
    await page.getByRole('dialog', { name: 'API key' }).waitFor();
    await giveKey(page, 'clipn_nonsense');
    await page
      .getByRole('alert')
      .getByText(/not valid/)
      .waitFor();
    await giveKey(page, key);
    await addPicture(page, 'a.png', 1);
    await page.getByRole('article', { name: 'a.png' }).locator('.bars').waitFor();
    assert.equal(await page.evaluate('localStorage.length + document.cookie.length'), 0);
    await page.reload();
    await page.getByRole('list', { name: 'Classes of the tenant' }).getByText('dog').waitFor();
    assert.equal(await page.getByRole('dialog').count(), 0);

    await fetch(`${service.url}/v1/admin/keys/${id}`, { method: 'DELETE', headers: { 'x-api-key': admin } });
    await addPicture(page, 'b.png', 2);
    await page
      .getByRole('alert')
      .getByText(/unknown, expired or revoked/)
      .waitFor();
    // the request that was refused continues with the new key
    await giveKey(page, (await newKey(['admin'])).key);
    await page.getByRole('article', { name: 'b.png' }).locator('.bars').waitFor();
    await page.getByRole('button', { name: 'Forget key' }).click();
    assert.equal(await page.evaluate('sessionStorage.getItem("clipn-gate.key")'), null);
    assert.deepEqual({ errors, foreign }, { errors: [], foreign: [] });
    await close();
  });

  it("with a key for detect only, the console names the tenant and shows the service's refusals", async () => {
    const { key } = await newKey(['detect:demo']);
    const { page, errors, close } = await openPage(browser, service.url);
    await giveKey(page, key);
    await addPicture(page, 'a.png', 1);
    await page.getByRole('article', { name: 'a.png' }).locator('.bars').waitFor();
    assert.equal(await page.getByLabel('Tenant', { exact: true }).inputValue(), 'demo');
    await page.getByLabel('My own class names').check();
    await page.getByLabel('Class names', { exact: true }).fill('dog, cat');
    await page
      .getByRole('alert')
      .getByText(/needs the scope/)
      .waitFor();
    await page.getByRole('link', { name: 'Now' }).click();
    await page
      .getByRole('alert')
      .getByText(/needs the scope metrics/)
      .waitFor();
    assert.deepEqual(errors, []);
    await close();
  });

  it('the console does not ask again after the dialog for the key is dismissed', async () => {
    const { page, errors, close } = await openPage(browser, service.url);
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('link', { name: 'Tenants' }).click();
    await page
      .getByRole('alert')
      .getByText(/needs an API key/)
      .waitFor();
    assert.equal(await page.getByRole('dialog').count(), 0);
    await page.getByRole('button', { name: 'API key' }).click();
    await page.getByRole('dialog', { name: 'API key' }).waitFor();
    assert.deepEqual(errors, []);
    await close();
  });
});
