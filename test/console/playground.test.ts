import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import type { Verdict } from '../../src/console/api/types.ts';
import { launchBrowser, openPage, skipBrowser } from '../helpers/browser.ts';
import { noise, waves } from '../helpers/images.ts';
import { temporaryDirectory } from '../helpers/paths.ts';
import { type Service, sendImage, startService, tenantIds, until } from '../helpers/service.ts';

const file = (name: string, buffer: Buffer, mimeType = 'image/png') => ({ name, mimeType, buffer });

async function add(page: Page, files: ReturnType<typeof file>[]): Promise<void> {
  await page.locator('input[type=file]').setInputFiles(files);
}

/** Nothing is being asked any more. */
async function settled(page: Page, pictures: number): Promise<void> {
  await page.getByRole('list', { name: new RegExp(`^${pictures} pictures? by verdict`) }).waitFor();
  await page.locator('.counts .open').waitFor({ state: 'detached' });
}

describe('playground', { skip: skipBrowser }, () => {
  const closing: (() => unknown)[] = [];
  const suite = { after: (f: () => unknown) => void closing.push(f) };
  let service: Service;
  let browser: Browser;
  let pictures: Buffer[];

  before(async () => {
    service = await startService(suite as never, await temporaryDirectory(suite as never));
    browser = await launchBrowser(['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream']);
    pictures = await Promise.all([
      waves(120, 90, 3).png().toBuffer(),
      noise(80, 80, 4).png().toBuffer(),
      waves(90, 120, 8).png().toBuffer(),
    ]);
  });
  after(async () => {
    await browser?.close();
    for (const f of closing.reverse()) await f();
  });

  it("the playground shows the service's verdict for every picture", async () => {
    const { page, errors, foreign, close } = await openPage(browser, service.url);
    await add(
      page,
      pictures.map((buffer, i) => file(`picture ${i}.png`, buffer)),
    );
    await settled(page, 3);
    for (const [i, bytes] of pictures.entries()) {
      const reply = (await (await sendImage(service.url, bytes, '?top_k=20')).json()) as { results: [Verdict] };
      const verdict = reply.results[0];
      const card = page.getByRole('article', { name: `picture ${i}.png` });
      const badge = await card.locator('.badge').first().innerText();
      assert.match(badge, verdict.decision === 'ood' ? /none of these classes/ : new RegExp(verdict.prediction.class));
      const rows = await card.locator('.bars tbody tr').allInnerTexts();
      assert.equal(rows.length, 5);
      assert.ok(rows[0]?.startsWith(verdict.prediction.class), rows[0]);
      const rules = await card
        .locator('.rules > li')
        .evaluateAll((all) => all.map((li) => li.classList.contains('ood')));
      const { ctw, atd, atd_rescaled: rescaled } = verdict.decisions;
      assert.deepEqual(rules, [ctw === 'ood', atd === 'ood', rescaled === 'ood']);
    }
    assert.deepEqual({ errors, foreign }, { errors: [], foreign: [] });
    await close();
  });

  it('the playground judges by typed class names, underlines unknown words, and removes its tenant afterwards', async () => {
    const { page, errors, close } = await openPage(browser, service.url);
    await page.getByLabel('My own class names').check();
    await page.getByLabel('Class names', { exact: true }).fill('dog, zzyzxqq\nred car');
    await add(page, [file('a.png', pictures[0] as Buffer)]);
    await settled(page, 1);
    const names = await page.locator('.bars tbody th').allInnerTexts();
    assert.deepEqual(names.sort(), ['dog', 'red car', 'zzyzxqq']);
    assert.equal(await page.locator('.class-editor mark').innerText(), 'zzyzxqq');
    assert.match(await page.locator('.warnings').innerText(), /has not learned "zzyzxqq"/);
    // other names: judged again without another click
    await page.getByLabel('Class names', { exact: true }).fill('cat, bird');
    await page.locator('.bars tbody th', { hasText: 'bird' }).waitFor();
    const scratch = async () => (await tenantIds(service.url)).filter((id) => id.startsWith('playground-'));
    assert.equal((await scratch()).length, 1);
    // of the same origin: for another one the browser changes the process, and gives the page's last work there half a second
    await page.goto(`${service.url}/livez`);
    await until('the tenant of the session goes with the page', 10_000, async () => (await scratch()).length === 0);
    assert.deepEqual(errors, []);
    await close();
  });

  it('a picture that is added within the pause after typing is judged once', async () => {
    const { page, errors, close } = await openPage(browser, service.url);
    let asked = 0;
    page.on('request', (r) => {
      if (r.url().includes('/v1/detect')) asked++;
    });
    await page.clock.install();
    await page.getByLabel('My own class names').check();
    await page.getByLabel('Class names', { exact: true }).fill('dog, red car');
    await add(page, [file('a.png', pictures[0] as Buffer)]);
    await settled(page, 1);
    await page.clock.runFor(5000);
    assert.equal(await page.locator('.bars tbody th').count(), 2);
    assert.equal(asked, 1);
    await page.getByLabel('Class names', { exact: true }).fill('cat');
    await page.locator('.bars tbody th', { hasText: 'cat' }).waitFor();
    assert.equal(asked, 2);
    assert.deepEqual(errors, []);
    await close();
  });

  it('the playground offers six sample photographs that the service serves itself', async () => {
    const { page, errors, foreign, close } = await openPage(browser, service.url);
    const samples = page.getByRole('button', { name: /^Try the sample: / });
    assert.equal(await samples.count(), 6);
    for (const image of await samples.locator('img').all()) {
      await image.evaluate('(e) => e.decode()');
    }
    await page.getByRole('button', { name: 'Try the sample: cat' }).click();
    await settled(page, 1);
    await page.getByRole('article', { name: 'cat.jpg' }).locator('.bars').waitFor();
    assert.equal(await samples.count(), 0);
    assert.deepEqual({ errors, foreign }, { errors: [], foreign: [] });
    await close();
  });

  it('the playground changes the rule without another request', async () => {
    const { page, close } = await openPage(browser, service.url);
    await add(page, [file('a.png', pictures[1] as Buffer)]);
    await settled(page, 1);
    let asked = 0;
    page.on('request', (r) => {
      if (r.url().includes('/v1/detect')) asked++;
    });
    await page.getByLabel('Rule that decides').selectOption('atd-rescaled');
    assert.match(await page.locator('.rule.decides').innerText(), /ATD rescaled/);
    assert.equal(asked, 0);
    await close();
  });

  it('the playground copies a curl command that gives the same verdict, and downloads the replies', async () => {
    const { page, close } = await openPage(browser, service.url, {
      permissions: ['clipboard-read', 'clipboard-write'],
    });
    await add(page, [file('a.png', pictures[0] as Buffer)]);
    await settled(page, 1);
    await page.getByRole('button', { name: 'Copy as curl' }).click();
    await page.getByText('curl command is copied').waitFor();
    const command = await page.evaluate('navigator.clipboard.readText()');
    assert.equal(command, `curl -F file=@a.png '${service.url}/v1/detect?tenant=demo'`);
    const downloading = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Download JSON' }).click();
    const saved = JSON.parse(await readFile(await (await downloading).path(), 'utf8'));
    assert.equal(saved.results[0].id, 'a.png');
    assert.equal(typeof saved.results[0].ood_probability, 'number');
    await close();
  });

  it("the playground shows the service's error for a file that is not an image", async () => {
    const { page, errors, close } = await openPage(browser, service.url);
    const text = Buffer.alloc(10 * 2 ** 20, 'this is no picture\n');
    await add(page, [file('notes.txt', text, 'text/plain'), file('a.png', pictures[0] as Buffer)]);
    await settled(page, 2);
    const problem = (await (await sendImage(service.url, text)).json()) as Record<'code' | 'detail', string>;
    assert.equal(problem.code, 'unsupported_media_type');
    const card = page.getByRole('article', { name: 'notes.txt' });
    assert.match(await card.getByRole('alert').innerText(), new RegExp(problem.detail.slice(0, 30)));
    assert.equal(await page.locator('.card .bars').count(), 1);
    assert.deepEqual(errors, []);
    await close();
  });

  it('the playground takes pictures by drop, by paste and from the camera', async () => {
    const { page, errors, close } = await openPage(browser, service.url, { permissions: ['camera'] });
    const base64 = (pictures[0] as Buffer).toString('base64');
    const give = (type: string, name: string) =>
      page.evaluate(`{
        const data = new DataTransfer();
        const bytes = Uint8Array.from(atob('${base64}'), (c) => c.charCodeAt(0));
        data.items.add(new File([bytes], '${name}', { type: 'image/png' }));
        const event = '${type}' === 'paste'
          ? new ClipboardEvent('paste', { clipboardData: data, bubbles: true })
          : new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true });
        document.body.dispatchEvent(event);
      }`);
    await give('drop', 'dropped.png');
    await give('paste', 'pasted.png');
    await page.getByRole('button', { name: 'Photograph' }).click();
    await page.getByRole('button', { name: 'Take the picture' }).click();
    await settled(page, 3);
    for (const name of ['dropped.png', 'pasted.png', /^photo /]) {
      await page.getByRole('article', { name }).locator('.bars').waitFor();
    }
    assert.deepEqual(errors, []);
    await close();
  });

  it('the playground shows 200 pictures as a grid with counts, and one in full on request', async () => {
    const { page, errors, close } = await openPage(browser, service.url);
    const many = await Promise.all(
      Array.from({ length: 200 }, async (_, i) => file(`p${i}.png`, await waves(40, 30, i).png().toBuffer())),
    );
    await add(page, many);
    await page.locator('.counts').waitFor();
    await settled(page, 200);
    const counts = await page.locator('.counts strong').allInnerTexts();
    assert.equal(
      counts.reduce((sum, n) => sum + Number(n), 0),
      200,
    );
    assert.equal(await page.locator('.tile').count(), 200);
    await page.locator('.counts button').first().click();
    assert.equal(await page.locator('.tile').count(), Number(counts[0]));
    await page.locator('.tile button').first().click();
    await page.getByRole('dialog').locator('.bars').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    assert.deepEqual(errors, []);
    await close();
  });
});
