import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

/** Debian's build without a window comes first: a start and three pages take 1.7 s of processor time with it, 2.9 s with the full browser. */
const NAMES = ['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

function findChromium(): string | undefined {
  if (process.env['CLIPN_CHROMIUM']) return process.env['CLIPN_CHROMIUM'];
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return NAMES.flatMap((name) => folders.map((dir) => join(dir, name))).find((path) => existsSync(path));
}

export const CHROMIUM = findChromium();

export const skipBrowser = CHROMIUM
  ? false
  : 'needs Chromium (apt-get install chromium-headless-shell, or CLIPN_CHROMIUM), which is not here';

export function launchBrowser(args: string[] = []): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM as string,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', ...args],
  });
}

export interface WatchedPage {
  page: Page;
  /** Errors that the page wrote to its console or threw. */
  errors: string[];
  /** Addresses asked for, other than those of the service itself. */
  foreign: string[];
  close(): Promise<void>;
}

/** A page in a context of its own that notes whatever a clean page does not do. */
export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  const errors: string[] = [];
  const foreign: string[] = [];
  page.on('console', (message) => {
    // the browser itself reports every 4xx and 5xx and every refused connection: those are part of what is tested
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      errors.push(message.text());
  });
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('request', (request) => {
    const address = new URL(request.url());
    if (/^https?:$/.test(address.protocol) && address.origin !== new URL(url).origin) foreign.push(request.url());
  });
  await page.goto(url);
  return { page, errors, foreign, close: () => context.close() };
}
