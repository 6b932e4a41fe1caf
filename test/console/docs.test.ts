import assert from 'node:assert/strict';
import { it } from 'node:test';
import { VERSION } from '../../src/config/version.ts';
import { launchBrowser, openPage, skipBrowser } from '../helpers/browser.ts';
import { temporaryDirectory } from '../helpers/paths.ts';
import { startService } from '../helpers/service.ts';

it('/docs has the name and the version of the program, and breaks no policy', { skip: skipBrowser }, async (t) => {
  const { url } = await startService(t, await temporaryDirectory(t));
  const browser = await launchBrowser();
  t.after(() => browser.close());
  const { page, errors, foreign } = await openPage(browser, `${url}/docs/`);
  await page.locator('.info .title').waitFor();
  assert.equal(await page.title(), `clipn-gate ${VERSION}`);
  assert.deepEqual({ errors, foreign }, { errors: [], foreign: [] });
});
