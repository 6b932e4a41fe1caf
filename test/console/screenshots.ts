import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Page } from 'playwright-core';
import sharp from 'sharp';
import { CHROMIUM, launchBrowser, openPage, skipBrowser } from '../helpers/browser.ts';
import { COMMAND, DEFAULT_BUNDLE, ROOT } from '../helpers/paths.ts';
import { environment, startService } from '../helpers/service.ts';
import { DRAWN, drawing } from './drawings.ts';

/** `npm run screenshots`: the pictures of the documents, from the real service with the default model, the photographs of samples/, and pictures drawn by this project. */
const OUT = join(ROOT, 'src/console/screenshots');
const ID = ['sunflower', 'pizza', 'airplane'];
const VARIANTS = 12;

/** A palette keeps a page of flat colours small. */
async function save(page: Page, name: string, clip?: { x: number; y: number; width: number; height: number }) {
  const png = await page.screenshot(clip ? { clip, fullPage: true } : {});
  await sharp(png).png({ palette: true, colours: 128, effort: 10 }).toFile(join(OUT, name));
}

async function consolePage(url: string): Promise<void> {
  const { page, close } = await openPage(browser, url, { viewport: { width: 1180, height: 1060 } });
  const files = await Promise.all(
    ['rocket', 'dog'].map(async (name) => ({
      name: `${name}.jpg`,
      mimeType: 'image/jpeg',
      buffer: await readFile(join(ROOT, `samples/${name}.jpg`)),
    })),
  );
  await page.locator('input[type=file]').setInputFiles(files);
  await page.locator('.bars').nth(1).waitFor();
  await page.waitForTimeout(500);
  await save(page, 'console.png');
  await close();
}

async function reportPage(dir: string): Promise<void> {
  for (const name of DRAWN) {
    const folder = join(dir, ID.includes(name) ? 'id' : 'drawings', name);
    await mkdir(folder, { recursive: true });
    for (let v = 0; v < VARIANTS; v++) await writeFile(join(folder, `${v}.jpg`), await drawing(name, v));
  }
  const out = join(dir, 'evaluation');
  const args = ['eval', '--id', join(dir, 'id'), '--ood', join(dir, 'drawings'), '--out', out];
  const { status, stderr } = spawnSync(process.execPath, [COMMAND, ...args], {
    encoding: 'utf8',
    env: environment({ CLIPN_BUNDLE: DEFAULT_BUNDLE }),
  });
  if (status !== 0) throw new Error(stderr);
  const { page, close } = await openPage(browser, pathToFileURL(join(out, 'report.html')).href, {
    viewport: { width: 1180, height: 1060 },
  });
  await page.waitForTimeout(500);
  await save(page, 'report.png');
  await close();
}

if (!CHROMIUM) throw new Error(String(skipBrowser));
const dir = await mkdtemp(join(tmpdir(), 'clipn-gate-screenshots-'));
const closing: (() => unknown)[] = [() => rm(dir, { recursive: true, force: true })];
const browser = await launchBrowser();
closing.push(() => browser.close());
try {
  await mkdir(OUT, { recursive: true });
  const after = (f: unknown) => void closing.push(f as () => unknown);
  const service = await startService({ after }, join(dir, 'data'), { CLIPN_BUNDLE: DEFAULT_BUNDLE });
  await consolePage(service.url);
  await reportPage(dir);
} finally {
  for (const f of closing.reverse()) await f();
}
