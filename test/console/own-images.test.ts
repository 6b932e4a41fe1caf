import assert from 'node:assert/strict';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { fewestFor } from '../../src/clipn/index.ts';
import { fewestFor as fewestShown, ownImages, planOf } from '../../src/console/learn/own-images.ts';
import { portionsOf } from '../../src/console/learn/portions.ts';
import type { TenantReply } from '../../src/http/schemas/tenant.ts';
import { launchBrowser, openPage, skipBrowser } from '../helpers/browser.ts';
import { DEFAULT_BUNDLE, photographs, skip, temporaryDirectory } from '../helpers/paths.ts';
import { startService } from '../helpers/service.ts';

const picture = (folder: string | undefined, type = 'image/png') => ({
  name: 'a',
  blob: new Blob(['x'], { type }),
  ...(folder === undefined ? {} : { folder }),
});

describe('photographs of the user', () => {
  it('a folder that is named after a class or one of its other names gives its photographs that class', () => {
    const classes = ['grand piano', { name: 'Sofa', aliases: ['couch'] }];
    const found = ownImages(
      [picture('Grand_Piano'), picture('couch'), picture('photos'), picture(undefined), picture('couch', 'text/plain')],
      classes,
    );
    assert.deepEqual(
      found.map((image) => image.class),
      [undefined, 'Sofa', 'grand piano', undefined],
    );
  });

  it('no photograph is an example and in the calibration, and one of each folder is left for the calibration', () => {
    const classes = ['dog', 'cat'];
    const images = ownImages([picture('dog'), picture('dog'), picture('dog'), picture('cat'), picture('x')], classes);
    const { examples, calibration } = planOf(images, 5);
    assert.deepEqual([...examples.keys()], ['dog']);
    assert.deepEqual([examples.get('dog')?.length, calibration.length], [2, 3]);
    const some = planOf([{ ...(images[0] as (typeof images)[0]), used: false }, ...images.slice(1)], 1);
    assert.deepEqual([some.examples.get('dog'), some.calibration.length], [[images[1]], 3]);
    assert.equal(planOf(images, 0).calibration.length, 5);
  });

  it('requests have at most 50 images and 24 MiB, and a larger image goes alone', () => {
    const sizes = (...bytes: number[]) => portionsOf(bytes.map((b) => ({ bytes: b }))).map((portion) => portion.length);
    assert.deepEqual(sizes(...Array<number>(120).fill(1000)), [50, 50, 20]);
    assert.deepEqual(sizes(20 * 2 ** 20, 5 * 2 ** 20, 30 * 2 ** 20, 1), [1, 1, 1, 1]);
  });

  it('the page asks for as many images as the service', () => {
    for (const keep of [0.5, 0.6, 0.8, 0.9, 0.95, 0.97, 0.99]) assert.equal(fewestShown(keep), fewestFor(keep));
  });
});

/** A folder of 60 photographs: four of each of fifteen classes, in folders named after them, and a file that is no picture. */
async function folderOfSixty(dir: string): Promise<{ folder: string; classes: string[]; other: string | undefined }> {
  const names = new Set(photographs.map((photo) => basename(dirname(photo))));
  names.delete('_scenes');
  const photosOf = (name: string) => photographs.filter((photo) => basename(dirname(photo)) === name);
  const chosen = [...names].map((name) => [name, photosOf(name)] as const).slice(0, 15);
  for (const [name, photos] of chosen) {
    const place = join(dir, 'photos', name);
    await mkdir(place, { recursive: true });
    for (const photo of photos.slice(0, 4)) await cp(photo, join(place, basename(photo)));
  }
  await writeFile(join(dir, 'photos', 'notes.txt'), 'not a picture');
  const classes = chosen.map(([name]) => name.replaceAll('_', ' '));
  return { folder: join(dir, 'photos'), classes, other: photographs.find((photo) => photo.includes('_scenes')) };
}

const faults = async (page: Page) => {
  await page.evaluate(axe.source);
  const { violations } = (await page.evaluate('axe.run()')) as axe.AxeResults;
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 100)).join(' | ')}`);
};

describe('from a folder of photographs to a calibrated tenant', { skip: skipBrowser || skip.photographs }, () => {
  it('a new user calibrates a new tenant with 60 photographs in the console, in ten steps and less than five minutes', async (t) => {
    const dir = await temporaryDirectory(t);
    const { folder, classes, other } = await folderOfSixty(dir);
    const { url } = await startService(t, join(dir, 'data'), { CLIPN_BUNDLE: DEFAULT_BUNDLE });
    const browser = await launchBrowser();
    t.after(() => browser.close());
    const began = Date.now();
    const { page, errors, foreign } = await openPage(browser, url);
    let steps = 0;
    const step = async (action: Promise<unknown>) => {
      steps++;
      await action;
    };
    await step(page.getByRole('link', { name: 'Tenants' }).click());
    await step(page.getByRole('link', { name: 'New tenant' }).click());
    await step(page.getByLabel('Name', { exact: true }).fill('mine'));
    await step(page.getByLabel('Classes', { exact: true }).fill(classes.join('\n')));
    await step(page.getByRole('button', { name: 'Create' }).click());
    await step(page.getByRole('link', { name: 'Calibrate with your own images' }).click());
    await step(page.getByLabel('Choose a folder').setInputFiles(folder));
    await page.getByText('45 images for the calibration, 15 examples. 1 file without a picture.').waitFor();
    // one that shows something else is left out
    await step(page.locator('.learn-photos button').last().click());
    await page.getByText('44 images for the calibration, 15 examples, 1 left out').waitFor();
    assert.deepEqual(await faults(page), []);
    await step(page.getByRole('button', { name: 'Calibrate', exact: true }).click());
    await page.getByText('Calibrated with 44 images:').waitFor();
    await step(page.getByRole('button', { name: 'Let the calibration decide for this tenant' }).click());
    await page.getByText('The calibration decides for this tenant.').waitFor();
    const seconds = (Date.now() - began) / 1000;
    t.diagnostic(`${steps} steps, ${seconds.toFixed(1)} s`);
    assert.equal(steps, 10);
    assert.ok(seconds < 300, `${seconds} s`);

    const tenant = (await (await fetch(`${url}/v1/tenants/mine`)).json()) as TenantReply;
    assert.deepEqual(
      [tenant.definition.method, tenant.calibration?.state, tenant.calibration?.images, tenant.calibration?.keep],
      ['calibrated', 'current', 44, 0.95],
    );
    assert.deepEqual(
      tenant.examples,
      classes.map((name) => ({ class: name, images: 1 })),
    );
    await page.getByRole('link', { name: 'Try it in the playground' }).click();
    await page.getByLabel('Photos', { exact: true }).setInputFiles(other as string);
    await page.getByRole('list', { name: /^1 picture by verdict/ }).waitFor();

    // without examples there are 60 images, which are more than one request takes
    await page.goto(`${url}/#/tenants/mine/own-images`);
    await page.getByLabel('Choose a folder').setInputFiles(folder);
    await page.getByLabel('Examples of each class').selectOption('0');
    await page.getByLabel(/Keep at least/).fill('0.9');
    await page.getByRole('button', { name: 'Calibrate', exact: true }).click();
    await page.getByText('Calibrated with 60 images:').waitFor();
    const reply = (await (await fetch(`${url}/v1/tenants/mine/calibration`)).json()) as { keep: number };
    assert.equal(reply.keep, 0.9);
    assert.deepEqual({ errors, foreign }, { errors: [], foreign: [] });
  });
});
