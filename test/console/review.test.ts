import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import axe from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { keepErrors } from '../../src/console/review/keep-errors.ts';
import type { CapturedImage } from '../../src/console/review/types.ts';
import { launchBrowser, openPage, skipBrowser } from '../helpers/browser.ts';
import { DEFAULT_BUNDLE, temporaryDirectory } from '../helpers/paths.ts';
import { putTenant, type Service, sendImage, startService, until } from '../helpers/service.ts';

const PHONE = { viewport: { width: 375, height: 667 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };
const MANY = 10_000;

const picture = (i: number) =>
  sharp({
    create: { width: 60, height: 50, channels: 3, background: { r: (i * 37) % 256, g: (i * 91) % 256, b: i % 256 } },
  })
    .png()
    .toBuffer();

/** Records of many kept images of one picture, as the service itself writes them. */
function writeMany(dir: string, file: Buffer): void {
  mkdirSync(join(dir, 'captured'), { recursive: true });
  mkdirSync(join(dir, 'captures', 'many'), { recursive: true });
  const start = Date.parse('2026-01-01T00:00:00Z');
  const lines = Array.from({ length: MANY }, (_, i) => {
    const key = createHash('sha256').update(String(i)).digest('hex');
    const decision = i % 3 === 0 ? 'ood' : 'id';
    const put = {
      key,
      captured_at: new Date(start + i * 1000).toISOString(),
      expires_at: '2999-01-01T00:00:00.000Z',
      bytes: file.length,
      width: 60,
      height: 50,
      format: 'png',
      tenant_version: 1,
      model: { name: 'm', version: '1' },
      features: 'f',
      method: 'ctw',
      decision,
      decisions: { ctw: decision, atd: 'id', atd_rescaled: 'id' },
      scores: { ctw: 0.1, atd: 0.1 },
      prediction: { class: i % 2 === 0 ? 'dog' : 'cat', probability: 0.8 },
      no_probability: 0.3,
      ood_probability: 0.2,
      reason: decision === 'ood' ? 'disagreeing' : 'rest',
      stratum: `f ${decision}`,
      probability: 1,
      weight: 1,
    };
    // the first and the last have a file
    if (i < 60 || i >= MANY - 60) writeFileSync(join(dir, 'captures', 'many', key), file);
    return JSON.stringify({ put });
  });
  writeFileSync(join(dir, 'captured', 'many.ndjson'), `${lines.join('\n')}\n`);
}

describe('the errors of a threshold before it is saved', () => {
  const image = (kind: 'class' | 'none', atd: number, weight = 1) =>
    ({ label: { kind }, verdict: { scores: { atd } }, sampling: { weight } }) as unknown as CapturedImage;

  it('keepErrors takes the split conformal threshold of the labelled images, and weighs both errors', () => {
    const images = [
      ...Array.from({ length: 19 }, (_, i) => image('class', i + 1)),
      image('none', 0.5),
      image('none', 9, 3),
    ];
    const { threshold, falseRefusals, falseAcceptances } = keepErrors(images, 'atd', 0.9);
    // k = floor(20 * 0.1) = 2: the second smallest score
    assert.deepEqual([threshold, falseRefusals, falseAcceptances], [2, 1 / 19, 0.75]);
  });

  it('keepErrors has no threshold with fewer images than the share needs', () => {
    assert.equal(keepErrors([image('class', 1)], 'atd', 0.95).threshold, null);
  });
});

describe('review page', { skip: skipBrowser }, () => {
  const closing: (() => unknown)[] = [];
  const suite = { after: (f: () => unknown) => void closing.push(f) };
  let service: Service;
  let browser: Browser;

  before(async () => {
    const dir = await temporaryDirectory(suite as never);
    writeMany(dir, await picture(1));
    service = await startService(suite as never, dir);
    await putTenant(service.url, 'many', { classes: ['dog', 'cat'], capture: {} });
    browser = await launchBrowser();
  });
  after(async () => {
    await browser?.close();
    for (const f of closing.reverse()) await f();
  });

  /** A tenant of its own with so many kept images. */
  async function tenantWith(id: string, images: number): Promise<void> {
    const capture = { rest: 1, duplicates: 'keep' };
    assert.ok((await putTenant(service.url, id, { classes: ['dog', 'cat', 'bird'], capture })).ok);
    for (let i = 0; i < images; i++) await sendImage(service.url, await picture(i), `?tenant=${id}`);
    await until('all images are kept', 30_000, async () => {
      const reply = await (await fetch(`${service.url}/v1/tenants/${id}/captures?limit=1`)).json();
      return (reply as { total: number }).total === images;
    });
  }

  const labelsOf = async (id: string): Promise<string[]> => {
    const { labels } = (await (await fetch(`${service.url}/v1/tenants/${id}/labels?limit=1000`)).json()) as {
      labels: { label: string }[];
    };
    return labels.map(({ label }) => label).sort();
  };
  const stored = (id: string, expected: string[]) =>
    until(
      `the labels are ${expected}`,
      20_000,
      async () => String(await labelsOf(id)) === String([...expected].sort()),
    );
  const open = (id: string, options = {}) => openPage(browser, `${service.url}/#/tenants/${id}/review`, options);
  const tiles = (page: Page) => page.getByRole('listbox').getByRole('option');

  it('keys label one image after the other, several at once, and take it back', async () => {
    await tenantWith('keys', 8);
    const { page, errors, foreign, close } = await open('keys');
    await tiles(page).first().locator('img').waitFor();
    assert.equal(await tiles(page).count(), 8);
    await page
      .getByRole('region', { name: 'Chosen image' })
      .getByText('Among the classes it looks most like')
      .waitFor();
    await page.getByRole('button', { name: '2 cat' }).waitFor();
    await page.keyboard.press('2');
    await page.keyboard.press('n');
    await page.keyboard.press('u');
    await stored('keys', ['cat', 'none', 'unsure']);
    await page.getByText('3 of 8 images labelled').waitFor();
    await page.keyboard.press('z');
    await stored('keys', ['cat', 'none']);
    // three images from the fourth on
    await page.getByRole('listbox').focus();
    await page.keyboard.press('ArrowRight');
    for (let i = 0; i < 2; i++) await page.keyboard.press('Shift+ArrowRight');
    await page.getByText('3 images selected').waitFor();
    await page.keyboard.press('1');
    await stored('keys', ['cat', 'none', 'dog', 'dog', 'dog']);
    await page.keyboard.press('z');
    await stored('keys', ['cat', 'none']);
    assert.deepEqual({ errors, foreign }, { errors: [], foreign: [] });
    await close();
  });

  it('an image keeps its earlier label when the service refuses a new one, and the page shows why', async () => {
    await tenantWith('refused', 2);
    const { page, close } = await open('refused');
    await tiles(page).first().waitFor();
    await page.route('**/v1/labels', (route) =>
      route.fulfill({
        status: 503,
        contentType: 'application/problem+json',
        body: '{"code":"store_unavailable","title":"No","detail":"The disk is full."}',
      }),
    );
    await page.getByRole('button', { name: '1 dog' }).waitFor();
    await page.keyboard.press('1');
    await page.getByRole('alert').getByText('The disk is full.').waitFor();
    await page.getByText('0 of 2 images labelled').waitFor();
    assert.deepEqual(await labelsOf('refused'), []);
    await close();
  });

  it('10,000 images are filtered and reached by keys, with only those in sight in the document', async () => {
    const { page, errors, close } = await open('many');
    await page.getByText(`of ${MANY.toLocaleString('en')} images labelled`).waitFor();
    await until('no more is loaded', 30_000, async () => !(await page.getByText('loading more').isVisible()));
    assert.ok((await tiles(page).count()) < 150);
    await page.getByRole('listbox').focus();
    await page.keyboard.press('End');
    await page.locator(`[aria-posinset="${MANY}"]`).locator('img').waitFor();
    assert.ok((await tiles(page).count()) < 150);
    await page.getByLabel('Decision', { exact: true }).selectOption('ood');
    await page.getByText('3,334 shown').waitFor();
    await page.getByLabel('of the rule', { exact: true }).selectOption('atd');
    await page.getByText('No image passes the filter.').waitFor();
    await page.getByLabel('of the rule', { exact: true }).selectOption('own');
    await page.getByLabel('Looks most like').selectOption('cat');
    await page.getByText('1,667 shown').waitFor();
    await page.getByLabel('Kept because').selectOption('rest');
    await page.getByText('0 shown').waitFor();
    await page.getByLabel('Kept because').selectOption('');
    await page.getByLabel('Kept since').fill('2026-01-02');
    await page.getByText('0 shown').waitFor();
    assert.deepEqual(errors, []);
    await close();
  });

  it('shows the rules beside each other, and both errors of a share before a calibration with the labels is saved', async () => {
    await tenantWith('rules', 12);
    const { images } = (await (await fetch(`${service.url}/v1/tenants/rules/captures?limit=100`)).json()) as {
      images: CapturedImage[];
    };
    const labels = images.map(({ sha256 }, i) => ({ sha256, label: i < 10 ? 'dog' : 'none' }));
    await fetch(`${service.url}/v1/labels`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ tenant: 'rules', labels }),
    });
    const { page, errors, close } = await open('rules');
    await page.getByRole('row', { name: /^CTW/ }).getByText('10 labels').waitFor();
    await page.getByLabel(/Keep at least/).fill('0.8');
    await page.getByText(/Would refuse .* \(10 labels\) and accept .* \(2 labels\)/).waitFor();
    assert.equal((await fetch(`${service.url}/v1/tenants/rules/calibration`)).status, 409, 'nothing is saved yet');
    await page.getByRole('button', { name: 'Calibrate', exact: true }).click();
    await page.getByText('Calibrated with 10 images.').waitFor();
    const calibration = (await (await fetch(`${service.url}/v1/tenants/rules/calibration`)).json()) as { keep: number };
    assert.equal(calibration.keep, 0.8);
    assert.deepEqual(errors, []);
    await close();
  });

  it('works on a phone by touch, is no wider than the screen, and has no fault that axe finds', async () => {
    await tenantWith('phone', 5);
    const { page, errors, close } = await open('phone', PHONE);
    await tiles(page).first().locator('img').waitFor();
    assert.equal(await page.evaluate('document.documentElement.scrollWidth - innerWidth'), 0);
    await tiles(page).nth(1).tap();
    await page.getByRole('button', { name: /none of the classes/ }).tap();
    await stored('phone', ['none']);
    await page.evaluate(axe.source);
    const { violations } = (await page.evaluate('axe.run()')) as axe.AxeResults;
    assert.deepEqual(
      violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 100)).join(' | ')}`),
      [],
    );
    assert.deepEqual(errors, []);
    await close();
  });

  it('a labelled image becomes an example of its class', async (t) => {
    // the bundle of the other tests cannot use examples
    const other = await startService(t, await temporaryDirectory(t), { CLIPN_BUNDLE: DEFAULT_BUNDLE });
    const usual = service;
    t.after(() => {
      service = usual;
    });
    service = other;
    await tenantWith('example', 2);
    const { page, close } = await open('example');
    await tiles(page).first().waitFor();
    const add = page.getByRole('button', { name: 'Add as example' });
    assert.equal(await add.isDisabled(), true, 'without a label there is no class');
    await page.getByRole('button', { name: '3 bird' }).waitFor();
    await page.keyboard.press('3');
    await stored('example', ['bird']);
    await tiles(page).first().click();
    await add.click();
    await page.getByText('1 example added').waitFor();
    const reply = (await (await fetch(`${service.url}/v1/tenants/example/classes/bird/examples`)).json()) as object;
    assert.match(JSON.stringify(reply), /[0-9a-f]{64}/);
    await close();
  });

  it('a picture is removed from the service after a second press', async () => {
    await tenantWith('removal', 2);
    const { page, close } = await open('removal');
    await tiles(page).first().waitFor();
    await page.getByRole('button', { name: 'Remove picture' }).click();
    await page.getByRole('button', { name: 'Press again to remove the picture' }).click();
    await page.getByText('0 of 1 image labelled').waitFor();
    const { total } = (await (await fetch(`${service.url}/v1/tenants/removal/captures`)).json()) as { total: number };
    assert.equal(total, 1);
    await close();
  });

  it('the settings of a tenant turn review on without losing its other rules, and lead to the page', async () => {
    await putTenant(service.url, 'settings', { classes: ['dog', 'cat'] });
    const { page, close } = await openPage(browser, `${service.url}/#/tenants/settings`);
    await page.getByText('Rule, negative labels, prompts, limits and review').click();
    await page.getByLabel('Keep images for review').check();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('version 2 ·').waitFor();
    await page.getByRole('link', { name: 'Review kept images' }).click();
    await page.getByText('Images appear here after the next verdicts.').waitFor();
    await close();
  });
});
