import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { CHROMIUM, launchBrowser, openPage, skipBrowser } from '../helpers/browser.ts';
import { waves } from '../helpers/images.ts';
import { startService } from '../helpers/service.ts';
import type { Bench } from './main.ts';

const LOADS = 5;
const PICTURES = 200;
/** As a camera of a few years ago makes them. */
const [WIDTH, HEIGHT] = [1600, 1200];

/** Until a page that was never seen before is painted, and until there is something to use. Milliseconds. */
async function firstPaint(browser: Browser, url: string): Promise<{ paint: number; usable: number }> {
  const { page, close } = await openPage(browser, 'about:blank');
  await page.goto(url);
  await page.getByRole('button', { name: 'Choose photos' }).waitFor();
  const usable = (await page.evaluate('performance.now()')) as number;
  const paint = (await page.evaluate(
    'performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Number.NaN',
  )) as number;
  await close();
  return { paint, usable };
}

interface Task {
  /** Wall time in milliseconds, and processor time: where others want the processors too, the first says little about the page. */
  clock: number;
  processor: number;
}

interface TraceEvent {
  name: string;
  ph: string;
  pid: number;
  tid: number;
  dur?: number;
  tdur?: number;
  args?: { name?: string };
}

/** Every task of the pages' main threads, by the browser's own trace. */
function mainThreadTasks(trace: Buffer): Task[] {
  const { traceEvents: events } = JSON.parse(trace.toString()) as { traceEvents: TraceEvent[] };
  const place = (e: TraceEvent) => `${e.pid} ${e.tid}`;
  const main = new Set(events.filter((e) => e.name === 'thread_name' && e.args?.name === 'CrRendererMain').map(place));
  const tasks = events.filter((e) => e.ph === 'X' && e.name === 'RunTask' && main.has(place(e)));
  return tasks.map(({ dur = 0, tdur = 0 }) => ({ clock: dur / 1000, processor: tdur / 1000 }));
}

/** Pictures given all at once: how long the main thread is busy without a break, and until the last verdict. */
async function manyPictures(browser: Browser, url: string, paths: string[]) {
  const { page, close } = await openPage(browser, 'about:blank');
  await page.goto(url);
  await page.getByRole('button', { name: 'Choose photos' }).waitFor();
  const before = (await page.evaluate('performance.now()')) as number;
  await browser.startTracing(page, { categories: ['disabled-by-default-devtools.timeline'] });
  await page.locator('input[type=file]').setInputFiles(paths);
  await page.getByRole('list', { name: `${paths.length} pictures by verdict` }).waitFor();
  await page.locator('.counts .open').waitFor({ state: 'detached', timeout: 300_000 });
  const seconds = (((await page.evaluate('performance.now()')) as number) - before) / 1000;
  // to the end of the list and back, so that every picture is drawn
  for (let i = 0; i < 40; i++) await page.mouse.wheel(0, 600);
  await page.waitForTimeout(1000);
  const tasks = mainThreadTasks(await browser.stopTracing());
  await close();
  const most = (name: keyof Task) => Math.max(...tasks.map((t) => t[name]));
  return {
    pictures: paths.length,
    seconds,
    longTasks: tasks.filter((t) => t.clock > 50).length,
    longestTask: most('clock'),
    longestTaskProcessor: most('processor'),
  };
}

/** `npm run bench -- console`: the page in a real browser. */
export const consolePage: Bench = async ({ bundle }) => {
  if (!CHROMIUM) throw new Error(String(skipBrowser));
  const dir = await mkdtemp(join(tmpdir(), 'clipn-gate-bench-'));
  const closing: (() => unknown)[] = [() => rm(dir, { recursive: true, force: true })];
  try {
    const different = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const path = join(dir, `${i}.jpg`);
        await waves(WIDTH, HEIGHT, i).jpeg({ quality: 85 }).toFile(path);
        return path;
      }),
    );
    const paths = Array.from({ length: PICTURES }, (_, i) => different[i % different.length] as string);
    const service = await startService({ after: (f) => void closing.push(f as () => unknown) }, join(dir, 'data'), {
      CLIPN_BUNDLE: bundle,
    });
    const browser = await launchBrowser();
    closing.push(() => browser.close());
    const loads: Awaited<ReturnType<typeof firstPaint>>[] = [];
    for (let i = 0; i < LOADS; i++) loads.push(await firstPaint(browser, service.url));
    const worst = (name: 'paint' | 'usable') => Math.max(...loads.map((l) => l[name]));
    console.log(`first paint, ${LOADS} new visitors: ${loads.map((l) => Math.round(l.paint)).join(', ')} ms`);
    console.log(`usable:                      ${loads.map((l) => Math.round(l.usable)).join(', ')} ms`);
    const many = await manyPictures(browser, service.url, paths);
    console.log(
      `${many.pictures} pictures of ${WIDTH} x ${HEIGHT}: ${many.seconds.toFixed(1)} s to the last verdict; tasks over 50 ms: ` +
        `${many.longTasks}, the longest ${Math.round(many.longestTask)} ms, of the processor at most ` +
        `${Math.round(many.longestTaskProcessor)} ms`,
    );
    return { first_paint_ms: worst('paint'), usable_ms: worst('usable'), many };
  } finally {
    for (const f of closing.reverse()) await f();
  }
};
