import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Collector } from '../../src/evaluation/collector.ts';
import { histogram, rangeOf } from '../../src/evaluation/histogram.ts';
import { reportHtml } from '../../src/evaluation/report/html.ts';
import { thumbnailKey, thumbnails } from '../../src/evaluation/report/thumbnails.ts';
import { type Results, resultsOf } from '../../src/evaluation/results.ts';
import { percent } from '../../src/evaluation/tables.ts';
import { assertSelfContained, assertWellFormed } from '../helpers/html.ts';
import { waves } from '../helpers/images.ts';
import { temporaryDirectory } from '../helpers/paths.ts';
import { failedRow, madeRow, randoms } from '../helpers/rows.ts';

/** A name that would break out of anything that is not escaped. */
const NASTY = `"><script>alert('1')</script>&amp;<img src=http://example.org/x>`;

function example(setNames = ['inside', 'near', NASTY], count = 60): { collector: Collector; results: Results } {
  const random = randoms(11);
  const collector = new Collector(setNames, 3);
  for (const [s, set] of setNames.entries()) {
    for (let i = 0; i < count; i++)
      collector.add({ ...madeRow(set, i, random, s === 0 ? i % 3 : undefined), path: `${NASTY}/${i}.jpg` });
    collector.add(failedRow(set, s));
  }
  const results = resultsOf(collector, {
    tool: { name: 'clipn-gate', version: '0.0.0' },
    created: '2026-01-01T00:00:00.000Z',
    bundle: { id: 'b@1+0', name: NASTY, version: '1.0.0', precision: 'fp32' },
    settings: { templates: [NASTY], templates_no: ['{}'], logit_scale: 100, max_pixels: 1e6 },
    identity: { bundle: 'b@1+0', precision: 'fp32', classes_sha256: '0'.repeat(64) },
    runs: [{ started: '', version: '0', node: 'v20', device: 'cpu' }],
    sets: setNames.map((name) => ({ dir: `/data/${name}` })),
    folders: ['a', 'b', 'c'],
    classes: ['first', NASTY, 'third'],
  });
  return { collector, results };
}

describe('report', () => {
  it('the report is well-formed HTML without any network access, whatever the names in it', () => {
    const { collector, results } = example();
    const html = reportHtml(results, collector, new Map());
    assertWellFormed(html);
    assertSelfContained(html);
    assert.ok(!html.includes('<script'), 'names stay text');
    assert.match(html, /&lt;script&gt;/);
  });

  it('the report has tables, a histogram of every score, a ROC per set, the worst mistakes and the failures', () => {
    const { collector, results } = example(['inside', 'near', 'far']);
    const html = reportHtml(results, collector, new Map());
    for (const score of ['CTW', 'ATD', 'MSP', 'MaxLogit', 'Energy', 'MCM'])
      assert.match(html, new RegExp(`aria-label="Histogram of ${score}: `));
    for (const set of ['near', 'far']) assert.match(html, new RegExp(`aria-label="ROC curves against ${set}: `));
    assert.match(html, /fpr95_ood_accepted/);
    assert.match(html, /fpr95_id_rejected/);
    assert.match(html, /AUPR-in/);
    assert.match(html, /OOD most confidently accepted/);
    assert.match(html, /image_undecodable/);
    assert.ok(results.average);
    const { auroc, fpr95_ood_accepted: fpr } = results.average.scores.atd;
    const pair = new RegExp(`>${percent(auroc)}</td><td[^>]*>${percent(fpr)}</td></tr>`);
    assert.match(html, pair, 'the average of ATD is in the table, as a pair of columns');
    assert.match(html, /<th scope="colgroup" colspan="2" class="pair">near<\/th>/);
    assert.match(html, /aria-label="FPR95, OOD accepted, lowest is best: CTW \d+\.\d\d %, ATD /);
    assert.doesNotMatch(html, /NaN|undefined|Infinity/);
  });

  it('scores and rules beyond those of every verdict are drawn and listed with the others', () => {
    const random = randoms(5);
    const collector = new Collector(['inside', 'near'], 3);
    for (const [s, set] of ['inside', 'near'].entries()) {
      for (let i = 0; i < 40; i++) {
        const row = madeRow(set, i, random, s === 0 ? i % 3 : undefined);
        const more = {
          scores: { ...row.scores, neglabel: random() },
          decisions: { ...row.decisions, csp: 'id' as const },
        };
        collector.add({ ...row, ...more });
      }
    }
    const { results: about } = example();
    const { sets, folders, classes } = { sets: [], folders: ['a', 'b', 'c'], classes: ['a', 'b', 'c'] };
    const results = resultsOf(collector, { ...about, sets, folders, classes });
    const html = reportHtml(results, collector, new Map());
    assertWellFormed(html);
    assert.match(html, /aria-label="Histogram of NegLabel: /);
    assert.match(html, /ROC curves against near: [^"]*MCM, NegLabel\. [^"]*CSP rule at 1, 1\."/);
    assert.match(html, /<th scope="row">NegLabel<\/th>/);
    assert.match(html, /<th scope="row">CSP<\/th><td class="best">100\.00<\/td><td>0\.00<\/td><td>50\.00<\/td>/);
    assert.doesNotMatch(html, /NaN|undefined|Infinity/);
  });

  it('a report is written for one image per set, for constant scores and for no images at all', () => {
    const { collector, results } = example(['inside', 'near'], 1);
    const html = reportHtml(results, collector, new Map());
    assertWellFormed(html);
    assert.doesNotMatch(html, /NaN|undefined|Infinity/);
    const empty = new Collector(['inside', 'near'], 3);
    for (const set of ['inside', 'near']) empty.add(failedRow(set, 1));
    const { id, ...rest } = results;
    const nothing = {
      ...rest,
      id: { ...id, accuracy: null, id_kept: null },
      ood: rest.ood.map((o) => ({ ...o, figures: null })),
      average: null,
      worst: { ctw: empty.mistakes('ctw'), atd: empty.mistakes('atd') },
    };
    const bare = reportHtml(nothing, empty, new Map());
    assertWellFormed(bare);
    assert.doesNotMatch(bare, /NaN|undefined|Infinity/);
  });

  it('a report of twenty thousand images is little larger than one of a thousand', () => {
    const weight = (count: number) => {
      const { collector, results } = example(['inside', 'near'], count);
      return reportHtml(results, collector, new Map()).length;
    };
    const [small, large] = [weight(1000), weight(20_000)];
    assert.ok(large < 1.3 * small, `${small} and ${large}`);
  });

  it('pictures in the report are small JPEGs, and a missing file has none', async (t) => {
    const dir = await temporaryDirectory(t);
    await mkdir(join(dir, 'x'));
    const collector = new Collector(['inside', 'near'], 3);
    const random = randoms(2);
    const low = { ctw: 0.1, atd: 0.1, msp: 0, max_logit: 0, energy: 0, mcm: 0 };
    for (let i = 0; i < 3; i++) {
      const row = madeRow('inside', i, random, 0);
      collector.add({
        ...row,
        path: `x/${i}.jpg`,
        scores: low,
        decisions: { ctw: 'ood', atd: 'ood', atd_rescaled: 'ood' },
      });
      if (i > 0) await writeFile(join(dir, 'x', `${i}.jpg`), await waves(900, 600, i).jpeg().toBuffer());
    }
    collector.add(madeRow('near', 1, random));
    const { results } = example();
    const worst = { ctw: collector.mistakes('ctw'), atd: collector.mistakes('atd') };
    const pictures = await thumbnails(
      { ...results, worst },
      new Map([
        ['inside', dir],
        ['near', dir],
      ]),
    );
    assert.ok(!pictures.has(thumbnailKey({ set: 'inside', path: 'x/0.jpg' })));
    for (const path of ['x/1.jpg', 'x/2.jpg']) {
      const data = pictures.get(thumbnailKey({ set: 'inside', path })) as string;
      assert.match(data, /^data:image\/jpeg;base64,/);
      assert.ok(data.length < 12_000, `${data.length} characters`);
    }
  });
});

describe('histogram', () => {
  it('a histogram puts every value into a bin, both ends included', () => {
    const values = [0, 0.1, 0.5, 0.999, 1];
    const { shares } = histogram(values, { low: 0, high: 1 }, 4);
    assert.deepEqual(
      [...shares].map((s) => Math.round(s * 5)),
      [2, 0, 1, 2],
    );
    assert.deepEqual(rangeOf([[3, 3], [3]]), { low: 2.5, high: 3.5 });
    assert.deepEqual(rangeOf([[3, 4], [-1]]), { low: -1, high: 4 });
  });
});
