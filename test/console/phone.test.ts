import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import axe from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { launchBrowser, openPage, skipBrowser } from '../helpers/browser.ts';
import { noise, waves } from '../helpers/images.ts';
import { temporaryDirectory } from '../helpers/paths.ts';
import { putTenant, type Service, startService, tenantIds, until } from '../helpers/service.ts';

/** A phone as Chromium emulates it. */
const PHONE = { viewport: { width: 375, height: 667 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };
const LONG = 'a-very-long-name.of_a-tenant'.repeat(2);

describe('console on a phone, and accessibility', { skip: skipBrowser }, () => {
  const closing: (() => unknown)[] = [];
  const suite = { after: (f: () => unknown) => void closing.push(f) };
  let service: Service;
  let browser: Browser;
  let pictures: { name: string; mimeType: string; buffer: Buffer }[];

  before(async () => {
    service = await startService(suite as never, await temporaryDirectory(suite as never));
    browser = await launchBrowser();
    const buffers = await Promise.all([waves(600, 900, 3).png().toBuffer(), noise(80, 80, 4).png().toBuffer()]);
    pictures = buffers.map((buffer, i) => ({ name: `picture ${i}.png`, mimeType: 'image/png', buffer }));
    await putTenant(service.url, LONG, { classes: ['x'.repeat(120), 'dog', 'cat'] });
  });
  after(async () => {
    await browser?.close();
    for (const f of closing.reverse()) await f();
  });

  const choose = (page: Page, some = pictures) => page.locator('input[type=file]').setInputFiles(some);
  const judged = (page: Page, name: string) => page.getByRole('article', { name }).locator('.bars').waitFor();
  const wider = (page: Page) => page.evaluate('document.documentElement.scrollWidth - innerWidth') as Promise<number>;
  const says = (page: Page, text: RegExp) =>
    until(`the page announces ${text}`, 30_000, async () => {
      const all = await page.locator('[role=status]').allTextContents();
      return all.some((announced) => text.test(announced));
    });

  it('on a phone the verdict is in sight as soon as a photograph was chosen, for the next one too', async () => {
    const { page, errors, close } = await openPage(browser, service.url, PHONE);
    for (const picture of pictures) {
      await choose(page, [picture]);
      await judged(page, picture.name);
      const badge = page.getByRole('article', { name: picture.name }).locator('.badge').first();
      await until(`the verdict on ${picture.name} is in sight`, 10_000, async () => {
        const box = await badge.boundingBox();
        return box !== null && box.y >= 0 && box.y + box.height <= PHONE.viewport.height;
      });
      assert.notEqual(await badge.innerText(), '');
    }
    assert.deepEqual(errors, []);
    await close();
  });

  it('on a phone tables scroll inside and no page is wider than the screen', async () => {
    const { page, close } = await openPage(browser, service.url, PHONE);
    await choose(page);
    await judged(page, pictures[0]?.name as string);
    assert.ok((await wider(page)) <= 0, 'verdicts');
    await page.getByLabel('My own class names').check();
    await page.getByLabel('Class names', { exact: true }).fill(`dog, ${'y'.repeat(200)}`);
    await page.locator('.bars tbody th', { hasText: 'yyy' }).first().waitFor();
    assert.ok((await wider(page)) <= 0, 'long class names');
    for (const hash of [
      'tenants',
      `tenants/${LONG}`,
      'tenants/+',
      `playground/${LONG}`,
      'now',
      'nowhere',
      'tenants/gone',
    ]) {
      await page.goto(`${service.url}/#/${hash}`);
      await page.locator('main h2, main article').first().waitFor();
      assert.ok((await wider(page)) <= 0, hash);
    }
    await close();
  });

  it('verdicts are announced to screen readers: each of a few pictures in the order of the page, the counts of many', async () => {
    const { page, close } = await openPage(browser, service.url);
    let second = () => {};
    const secondAnswered = new Promise<void>((resolve) => {
      second = resolve;
    });
    let requests = 0;
    await page.route('**/v1/detect*', async (route) => {
      const first = ++requests === 1;
      if (first) await secondAnswered;
      await route.fulfill({ response: await route.fetch() });
      if (!first) second();
    });
    await choose(page, pictures);
    await says(page, /picture 0\.png: [\w ]+\. picture 1\.png: [\w ]+/);
    await choose(
      page,
      [0, 1, 2, 3].map((i) => ({ ...(pictures[i % 2] as (typeof pictures)[0]), name: `n${i}.png` })),
    );
    await says(page, /4 pictures judged: \d+ [\w ]+/);
    await close();
  });

  it('"Remove all" and the removal of one picture can be undone; the verdicts and the order come back', async () => {
    const { page, errors, close } = await openPage(browser, service.url);
    await choose(page);
    for (const { name } of pictures) await judged(page, name);
    const names = () => page.locator('article.card').evaluateAll((all) => all.map((e) => e.getAttribute('aria-label')));
    const before = await names();
    await page.getByRole('button', { name: 'Remove all' }).click();
    await page.getByText('2 pictures removed.').waitFor();
    assert.deepEqual(await names(), []);
    assert.equal(await page.evaluate('document.activeElement.textContent'), 'Undo', 'the focus is not lost');
    await page.keyboard.press('Enter');
    for (const { name } of pictures) await judged(page, name);
    assert.deepEqual(await names(), before);
    await page.getByRole('button', { name: `Remove ${before[0]}` }).click();
    await page.getByText('1 picture removed.').waitFor();
    // other class names in the meantime: the verdict that comes back is about them
    await page.getByLabel('My own class names').check();
    await page.getByLabel('Class names', { exact: true }).fill('moon, river');
    await page.locator('.bars tbody th', { hasText: 'river' }).waitFor();
    await page.getByRole('button', { name: 'Undo' }).click();
    await page
      .getByRole('article', { name: before[0] as string })
      .locator('.bars tbody th', { hasText: 'river' })
      .waitFor();
    assert.deepEqual(await names(), before);
    assert.deepEqual(errors, []);
    await close();
  });

  it('typed class names are checked as they are typed, without a picture: unknown words and twins', async () => {
    const before = await tenantIds(service.url);
    const { page, close } = await openPage(browser, service.url);
    await page.getByLabel('My own class names').check();
    await page.getByLabel('Class names', { exact: true }).fill('dog, zzyzxqq, Dog');
    await page.locator('.class-editor mark', { hasText: 'zzyzxqq' }).waitFor();
    await page.getByText('The class "Dog" means the same as the class "dog"').waitFor();
    await page.getByLabel('Class names', { exact: true }).fill('dog');
    await page.getByText('With one class the rule atd never rejects').waitFor();
    const added = (await tenantIds(service.url)).filter((id) => !before.includes(id));
    assert.deepEqual(added, [], 'a check stores nothing');
    await close();
  });

  it('a tenant is explained where it is first met, and its page leads to the playground with it', async () => {
    const { page, errors, close } = await openPage(browser, service.url);
    await page.getByText('A tenant is a list of class names').waitFor();
    await page.getByRole('link', { name: 'See the whole list' }).click();
    await page.getByText('A tenant is a list of class names').waitFor();
    await page.getByRole('link', { name: LONG }).click();
    await page.getByRole('link', { name: 'Try it in the playground' }).click();
    await page.getByRole('list', { name: 'Classes of the tenant' }).getByText('cat').waitFor();
    assert.equal(await page.getByLabel('Tenant', { exact: true }).inputValue(), LONG);
    await choose(page, pictures.slice(1));
    await judged(page, 'picture 1.png');
    assert.ok((await page.locator('.bars tbody th').allInnerTexts()).includes('cat'));
    assert.deepEqual(errors, []);
    await close();
  });

  it('an unknown address is reported, and so is the address of a tenant that does not exist', async () => {
    const { page, errors, close } = await openPage(browser, `${service.url}/#/nowhere`);
    for (const hash of ['nowhere', 'now/then', 'tenants/demo/more', '%zz', 'constructor', 'playground//']) {
      await page.goto(`${service.url}/#/${hash}`);
      await page.getByRole('heading', { name: 'There is no page at this address' }).waitFor();
      assert.equal(await page.title(), 'Unknown address · clipn-gate', hash);
    }
    await page.evaluate(axe.source);
    const { violations } = (await page.evaluate('axe.run(document)')) as axe.AxeResults;
    assert.deepEqual(
      violations.map((v) => v.id),
      [],
    );
    await page.getByRole('link', { name: 'tenants', exact: true }).click();
    await page.getByRole('heading', { name: 'Tenants' }).waitFor();
    await page.goto(`${service.url}/#/tenants/gone`);
    await page.getByRole('alert').getByText('There is no tenant of this name').waitFor();
    await page.goto(`${service.url}/#/playground/gone`);
    await page.getByRole('alert').getByText('There is no tenant of this name').waitFor();
    assert.deepEqual(errors, []);
    await close();
  });

  it('"Try again" is offered where it can help and not for a file that is no image', async () => {
    const { page, close } = await openPage(browser, service.url);
    await choose(page, [{ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('no picture') }]);
    const card = page.getByRole('article', { name: 'notes.txt' });
    await card.getByRole('alert').waitFor();
    assert.equal(await card.getByRole('button', { name: 'Try again' }).count(), 0);
    await page.route('**/v1/detect*', (route) =>
      route.fulfill({
        status: 500,
        json: { code: 'internal_error', title: 'Internal error of the service', status: 500 },
      }),
    );
    await choose(page, pictures.slice(0, 1));
    const failed = page.getByRole('article', { name: 'picture 0.png' });
    await failed.getByRole('alert').waitFor();
    await page.unroute('**/v1/detect*');
    await failed.getByRole('button', { name: 'Try again' }).click();
    await judged(page, 'picture 0.png');
    await close();
  });
});
