import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import type { Verdict } from '../../src/console/api/types.ts';
import { difference, listChange } from '../../src/console/tenants/diff.ts';
import { EMPTY, toDefinition, toForm } from '../../src/console/tenants/form.ts';
import { TenantDefinition } from '../../src/tenants/definition.ts';
import { launchBrowser, openPage, skipBrowser } from '../helpers/browser.ts';
import { waves } from '../helpers/images.ts';
import { temporaryDirectory } from '../helpers/paths.ts';
import { putTenant, type Service, sendImage, startService, until } from '../helpers/service.ts';
import { SMALL_LIST, writeWordList } from '../helpers/words.ts';

describe('the difference before saving', () => {
  it('the difference counts every occurrence of a name, and distinguishes another order from other names', () => {
    assert.deepEqual(listChange(['a', 'b', 'a'], ['a', 'c', 'b']), { added: ['c'], removed: ['a'], reordered: false });
    assert.deepEqual(listChange(['a', 'b'], ['b', 'a']), { added: [], removed: [], reordered: true });
    assert.deepEqual(listChange(['a', 'a'], ['a']), { added: [], removed: ['a'], reordered: false });
  });

  it('the difference includes aliases, prompts, the rule and limits', () => {
    const before = { classes: ['dog', { name: 'sofa', aliases: ['couch'] }] };
    const after = { classes: ['dog', 'sofa'], templates: ['a {}'], method: 'atd', limits: { concurrent_images: 4 } };
    const d = difference(before, after as never);
    assert.deepEqual([d.classes.removed, d.classes.added], [['sofa | couch'], ['sofa']]);
    assert.deepEqual(d.templates.added, ['a {}']);
    assert.deepEqual(d.fields, [
      { name: 'rule', before: 'not set', after: 'atd' },
      { name: 'images at once', before: 'not set', after: '4' },
    ]);
    assert.equal(difference(before, before).none, true);
    assert.deepEqual(difference(before, { ...before, negatives: { looks_like: true } }).fields, [
      { name: 'negative labels', before: 'none', after: '{"looks_like":true}' },
    ]);
  });

  it('a form filled from a definition gives the same definition back', () => {
    const definition = {
      classes: ['dog', { name: 'sofa', aliases: ['couch'] }, { name: 'part no. 4711', text: false as const }],
      templates: [" 'a photo of a {}.'", '{}'],
      templates_no: ['no {}'],
      method: 'atd-rescaled' as const,
      limits: { images_per_second: 2.5 },
      negatives: { labels: 500, pool: true },
      capture: { rest: 0.1 },
      events: { url: 'https://hooks.example.com/', on: 'all' as const },
    };
    assert.deepEqual(toDefinition(toForm(definition)), definition);
    // a field that a form does not know would be lost whenever a user saves the tenant
    assert.deepEqual(Object.keys(definition).sort(), Object.keys(TenantDefinition.properties).sort());
    assert.deepEqual(toDefinition({ ...EMPTY, classes: 'a\n\nb' }), { classes: ['a', 'b'] });
  });
});

describe('tenants', { skip: skipBrowser }, () => {
  const closing: (() => unknown)[] = [];
  const suite = { after: (f: () => unknown) => void closing.push(f) };
  let service: Service;
  let browser: Browser;

  before(async () => {
    const words = writeWordList(SMALL_LIST);
    closing.push(() => rm(words, { recursive: true }));
    const env = { CLIPN_WORDS: words };
    service = await startService(suite as never, await temporaryDirectory(suite as never), env);
    browser = await launchBrowser();
  });
  after(async () => {
    await browser?.close();
    for (const f of closing.reverse()) await f();
  });

  const tenant = async (id: string) => (await fetch(`${service.url}/v1/tenants/${id}`)).json() as Promise<Tenant>;
  interface Tenant {
    version: number;
    state: string;
    definition: { classes: unknown[] };
  }
  const state = (page: Page, text: string) => page.locator('.title-row .badge', { hasText: text }).waitFor();

  it('a tenant is created, changed after a look at the difference, rolled back and deleted in the console', async () => {
    const { page, errors, foreign, close } = await openPage(browser, `${service.url}/#/tenants`);
    await page.getByRole('link', { name: 'New tenant' }).click();
    await page.getByLabel('Name', { exact: true }).fill('zoo');
    await page.getByLabel('Classes').fill('lion\ntiger\nzzyzxqq');
    // before anything is saved
    await page.locator('.class-editor mark', { hasText: 'zzyzxqq' }).waitFor();
    assert.equal((await fetch(`${service.url}/v1/tenants/zoo`)).status, 404);
    await page.getByLabel('Classes').fill('lion\ntiger');
    await page.getByRole('button', { name: 'Create' }).click();
    await page.getByRole('heading', { name: 'zoo' }).waitFor();
    await state(page, 'ready');

    await page.getByLabel('Classes').fill('tiger\nbrown bear | grizzly');
    const changes = page.getByRole('region', { name: 'Changes' });
    assert.deepEqual(await changes.locator('del').allTextContents(), ['lion']);
    assert.deepEqual(await changes.locator('ins').allTextContents(), ['brown bear | grizzly']);
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('version 2 ·').waitFor();
    await state(page, 'ready');
    const saved = await tenant('zoo');
    assert.deepEqual(saved.definition.classes, ['tiger', { name: 'brown bear', aliases: ['grizzly'] }]);

    await page.getByRole('button', { name: 'Roll back to version 1' }).click();
    await page.getByRole('button', { name: 'Roll back', exact: true }).click();
    await page.getByText('version 3 ·').waitFor();
    assert.equal(await page.getByLabel('Classes').inputValue(), 'lion\ntiger');
    assert.deepEqual((await tenant('zoo')).definition.classes, ['lion', 'tiger']);

    await page.getByRole('button', { name: 'Delete …' }).click();
    const confirm = page.getByRole('button', { name: 'Delete permanently' });
    await page.getByLabel(/to confirm/).fill('zo');
    assert.equal(await confirm.isDisabled(), true);
    await page.getByLabel(/to confirm/).fill('zoo');
    await confirm.click();
    await page.getByRole('heading', { name: 'Tenants' }).waitFor();
    assert.equal((await fetch(`${service.url}/v1/tenants/zoo`)).status, 404);
    assert.deepEqual({ errors, foreign }, { errors: [], foreign: [] });
    await close();
  });

  it('counts of words are turned on in the form and shown on the page, and a refused picture has its words in the playground', async () => {
    await putTenant(service.url, 'words', { classes: ['dog', 'cat'], method: 'combined', negatives: {} });
    const { page, errors, close } = await openPage(browser, `${service.url}/#/tenants/words`);
    await page.getByLabel('Count what refused images look like').check();
    await page.getByRole('region', { name: 'Changes' }).getByText('negative labels').waitFor();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('version 2 ·').waitFor();
    await state(page, 'ready');
    const counts = page.getByRole('region', { name: 'Words that refused images look like' });
    await counts.getByText('No image was refused').waitFor();

    const picture = await waves(120, 90, 1).jpeg().toBuffer();
    const explained = await sendImage(service.url, picture, '?tenant=words&explain=true');
    const [verdict] = ((await explained.json()) as { results: [Verdict] }).results;
    const nearest = verdict.looks_like?.[0]?.word as string;
    await until('the image is counted', 10_000, async () => {
      const report = await fetch(`${service.url}/v1/tenants/words/looks-like`);
      const { days } = (await report.json()) as { days: { looked_at: number }[] };
      return days[0]?.looked_at === 1;
    });
    await page.reload();
    await counts.getByText('1 image refused, 1 of them looked at.').waitFor();
    assert.deepEqual(await counts.getByRole('listitem').allInnerTexts(), [`${nearest} 1`]);

    await page.getByRole('link', { name: 'Try it in the playground' }).click();
    await page.locator('input[type=file]').setInputFiles([{ name: 'a.jpg', mimeType: 'image/jpeg', buffer: picture }]);
    const card = page.getByRole('article', { name: 'a.jpg' });
    await card.getByText('Of the words beside the classes it looks most like').waitFor();
    assert.equal(await card.locator('.looks-like strong').first().innerText(), nearest);
    assert.deepEqual(errors, []);
    await close();
  });

  it("the console shows a build's progress and cancels it", async () => {
    await putTenant(service.url, 'many', { classes: ['one', 'two'] });
    const { page, errors, close } = await openPage(browser, `${service.url}/#/tenants/many`);
    const classes = Array.from({ length: 3000 }, (_, i) => `animal number ${i} of many`);
    await page.getByLabel('Classes').waitFor();
    // as a paste does; typing thousands of lines is what the browser itself is slow at
    await page.evaluate(`{
      const field = document.querySelector('.class-editor textarea');
      field.value = ${JSON.stringify(classes.join('\n'))};
      field.dispatchEvent(new InputEvent('input', { bubbles: true }));
    }`);
    await page.getByRole('button', { name: 'Save' }).click();
    const build = page.getByRole('region', { name: 'Build' });
    await build.getByText(/[1-9]\d* of \d+ texts .*to go · version 1 is in use until then/).waitFor();
    await build.getByRole('button', { name: 'Cancel the build' }).click();
    await state(page, 'cancelled');
    assert.equal((await tenant('many')).state, 'cancelled');
    assert.deepEqual(errors, []);
    await close();
  });

  it('saving in the console does not overwrite a change made elsewhere, and shows it with its version on request', async () => {
    await putTenant(service.url, 'shared', { classes: ['dog', 'cat'] });
    const { page, close } = await openPage(browser, `${service.url}/#/tenants/shared`);
    await page.getByLabel('Classes').fill('dog\nbird');
    await putTenant(service.url, 'shared', { classes: ['dog', 'horse'] });
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('alert').getByText('precondition_failed').waitFor();
    // notes the field's text in the very rendering that shows the new version
    await page.evaluate(`{
      const watcher = new MutationObserver(() => {
        if (!/version 2 ·/.test(document.body.textContent)) return;
        watcher.disconnect();
        window.shownWithVersion2 = document.querySelector('.class-editor textarea').value;
      });
      watcher.observe(document.body, { subtree: true, childList: true, characterData: true });
    }`);
    await page.getByRole('button', { name: 'Load the current definition' }).click();
    await page.getByText('version 2 ·').waitFor();
    assert.equal(await page.evaluate('window.shownWithVersion2'), 'dog\nhorse');
    assert.equal(await page.getByLabel('Classes').inputValue(), 'dog\nhorse');
    await close();
  });

  it('text typed while a save is in progress is kept as a change of the saved version', async () => {
    await putTenant(service.url, 'typed', { classes: ['dog', 'cat'] });
    const { page, close } = await openPage(browser, `${service.url}/#/tenants/typed`);
    let answer = () => {};
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    await page.route('**/v1/tenants/typed', async (route) => {
      if (route.request().method() === 'PUT') await held;
      await route.continue();
    });
    await page.getByLabel('Classes').fill('dog\nbird');
    const asked = page.waitForRequest((request) => request.method() === 'PUT');
    await page.getByRole('button', { name: 'Save' }).click();
    await asked;
    await page.getByLabel('Classes').fill('dog\nbird\nfish');
    answer();
    await page.getByText('version 2 ·').waitFor();
    assert.equal(await page.getByLabel('Classes').inputValue(), 'dog\nbird\nfish');
    const changes = page.getByRole('region', { name: 'Changes' });
    assert.deepEqual(await changes.locator('ins').allTextContents(), ['fish']);
    assert.deepEqual((await tenant('typed')).definition.classes, ['dog', 'bird']);
    await close();
  });

  it("the console shows the service's refusal of a name", async () => {
    const { page, close } = await openPage(browser, `${service.url}/#/tenants/+`);
    await page.getByLabel('Name', { exact: true }).fill('Not A Name');
    await page.getByLabel('Classes').fill('dog\ncat');
    await page
      .getByRole('alert')
      .getByText(/A tenant id has 1 to 63 characters/)
      .waitFor();
    await close();
  });
});
