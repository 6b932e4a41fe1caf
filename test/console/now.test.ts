import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import { Histogram, Registry } from 'prom-client';
import { increase, mean, parseMetrics, quantile, type Scrape, total, where } from '../../src/console/now/metrics.ts';
import { niceTop } from '../../src/console/now/scale.ts';
import { launchBrowser, openPage, skipBrowser } from '../helpers/browser.ts';
import { waves } from '../helpers/images.ts';
import { temporaryDirectory } from '../helpers/paths.ts';
import { type Service, sendImage, startService } from '../helpers/service.ts';

const scrape = (at: number, text: string): Scrape => ({ at, samples: parseMetrics(text) });

describe('metrics in the browser', () => {
  it('the console parses metric names, labels with escapes, infinities and numbers in any form', () => {
    const s = scrape(
      0,
      '# HELP a b\n# TYPE a counter\na 1\na{x="1, \\"2\\" \\\\ \\n}",y="z"} 2.5e3 1700000000\nb{le="+Inf"} +Inf\n',
    );
    assert.equal(total(s, 'a'), 2501);
    assert.equal(total(s, 'a', where({ x: '1, "2" \\ \n}', y: 'z' })), 2500);
    assert.equal(total(s, 'b'), Number.POSITIVE_INFINITY);
    assert.equal(total(s, 'c'), 0);
  });

  it('a counter that has fallen counts as restarted', () => {
    const from = scrape(0, 'n{r="a"} 10\nn{r="b"} 4');
    const to = scrape(1000, 'n{r="a"} 3\nn{r="b"} 6\nn{r="c"} 1');
    assert.equal(increase(from, to, 'n'), 3 + 2 + 1);
  });

  it('quantiles are those of the observations between two scrapes, to the width of a bucket', async () => {
    const registry = new Registry();
    const buckets = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1];
    const h = new Histogram({ name: 'h', help: 'h', buckets, registers: [registry] });
    for (let i = 0; i < 500; i++) h.observe(0.9);
    const from = scrape(0, await registry.metrics());
    const values = Array.from({ length: 1000 }, (_, i) => 0.001 + (0.3 * i) / 1000);
    for (const v of values) h.observe(v);
    const to = scrape(1000, await registry.metrics());
    for (const q of [0.5, 0.95, 0.99]) {
      const exact = values[Math.floor(q * 1000)] as number;
      const bucket = buckets.findIndex((b) => b >= exact);
      const estimate = quantile(from, to, 'h', q) as number;
      assert.ok(
        estimate > (buckets[bucket - 1] as number) && estimate <= (buckets[bucket] as number),
        `${q}: ${estimate}`,
      );
    }
    assert.ok(Math.abs((mean(from, to, 'h') as number) - values.reduce((a, b) => a + b) / 1000) < 1e-9);
    assert.equal(quantile(to, to, 'h', 0.5), undefined);
    h.observe(7);
    assert.equal(quantile(to, scrape(2000, await registry.metrics()), 'h', 0.5), 1);
  });

  it('scales of the charts end at a round number', () => {
    assert.deepEqual([0, 0.03, 1, 1.2, 4, 99, 100].map(niceTop), [1, 0.05, 1, 2, 5, 100, 100]);
  });
});

describe('now', { skip: skipBrowser }, () => {
  const closing: (() => unknown)[] = [];
  const suite = { after: (f: () => unknown) => void closing.push(f) };
  let service: Service;
  let browser: Browser;

  before(async () => {
    service = await startService(suite as never, await temporaryDirectory(suite as never));
    browser = await launchBrowser();
  });
  after(async () => {
    await browser?.close();
    for (const f of closing.reverse()) await f();
  });

  it('the page "now" draws requests, latencies, batches and the share of "none" per tenant', async () => {
    const { page, errors, foreign, close } = await openPage(browser, `${service.url}/#/now`);
    await page.getByRole('heading', { name: 'Now' }).waitFor();
    await page.getByText('Loading the first metrics').waitFor({ state: 'detached' });
    const pictures = await Promise.all([1, 2, 3, 4].map((i) => waves(60, 40, i).png().toBuffer()));
    let ood = 0;
    for (const bytes of pictures) {
      const { results } = (await (await sendImage(service.url, bytes)).json()) as { results: { decision: string }[] };
      if (results[0]?.decision === 'ood') ood++;
    }
    await sendImage(service.url, Buffer.from('no picture'));
    const row = page.getByRole('row', { name: /^demo/ });
    await row.getByRole('cell').nth(0).getByText('4', { exact: true }).waitFor();
    assert.equal(await row.getByRole('cell').nth(2).textContent(), `${(100 * ood) / 4}\u00a0% of 4`);
    const value = (chart: string, name: string) =>
      page.locator('.chart', { hasText: chart }).getByRole('listitem').filter({ hasText: name }).locator('strong');
    assert.match((await value('Time to answer', 'p95').textContent()) ?? '', /^[\d.]+ m?s$/);
    assert.match((await value('Queue and batch', 'mean batch').textContent()) ?? '', /^[\d.]+$/);
    assert.notEqual(await value('Verdicts asked for', 'all').textContent(), '0');
    await page.getByText(/unsupported_media_type|image_undecodable/).waitFor();
    assert.match(await page.locator('.facts').innerText(), /ready on cpu/);
    assert.deepEqual({ errors, foreign }, { errors: [], foreign: [] });
    await close();
  });
});
