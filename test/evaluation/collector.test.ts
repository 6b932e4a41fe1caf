import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { Collector, MOST_FAILURES } from '../../src/evaluation/collector.ts';
import { compare, type Results, resultsOf } from '../../src/evaluation/results.ts';
import type { Row, ScoredRow } from '../../src/evaluation/rows.ts';
import { RULES, SCORES } from '../../src/evaluation/rows.ts';
import { tablesOf } from '../../src/evaluation/tables.ts';
import { PYTHON, ROOT, skip } from '../helpers/paths.ts';
import { failedRow, madeRow, randoms } from '../helpers/rows.ts';

const NAMES = ['inside', 'near', 'far'];

function madeRows(): Row[] {
  const random = randoms(7);
  return [
    ...Array.from({ length: 90 }, (_, i) => madeRow('inside', i, random, i % 3)),
    ...Array.from({ length: 60 }, (_, i) => madeRow('near', i, random)),
    ...Array.from({ length: 30 }, (_, i) => madeRow('far', i, random)),
    failedRow('inside', 1),
    failedRow('far', 2, 'unsupported_media_type'),
  ];
}

function collected(rows: Row[]): Collector {
  const collector = new Collector(NAMES, 3);
  for (const row of rows) collector.add(row);
  return collector;
}

function results(collector: Collector): Results {
  return resultsOf(collector, {
    tool: { name: 'clipn-gate', version: '0.0.0' },
    created: '2026-01-01T00:00:00.000Z',
    bundle: { id: 'b', name: 'b', version: '1.0.0', precision: 'fp32' },
    settings: { templates: ['{}'], templates_no: ['{}'], logit_scale: 100, max_pixels: 1e6 },
    identity: { bundle: 'b', precision: 'fp32', classes_sha256: '0' },
    runs: [],
    sets: NAMES.map((name) => ({ dir: `/data/${name}` })),
    folders: ['a', 'b', 'c'],
    classes: ['first', 'second', 'third'],
  });
}

describe('collector', () => {
  it('results do not depend on the order of the rows', () => {
    const rows = madeRows();
    const random = randoms(3);
    const shuffled = rows.map((row) => ({ row, at: random() })).sort((a, b) => a.at - b.at);
    assert.deepEqual(
      results(collected(shuffled.map((s) => s.row))),
      results(collected(rows)),
      'figures, counts, worst mistakes and failures',
    );
  });

  it('counts and figures of the collector equal those computed by hand', () => {
    const rows = madeRows();
    const { id, ood, failed, average, worst } = results(collected(rows));
    const scored = rows.filter((r): r is ScoredRow => 'scores' in r);
    const inside = scored.filter((r) => r.set === 'inside');
    assert.deepEqual([id.images, id.failed, ood[0]?.images, ood[1]?.images, ood[1]?.failed], [90, 1, 60, 30, 1]);
    assert.equal(id.accuracy, inside.filter((r) => r.index === r.class).length / 90);
    assert.equal(id.classes[1]?.images, 30);
    for (const rule of RULES) {
      const kept = inside.filter((r) => r.decisions[rule] === 'id').length / 90;
      assert.equal(id.id_kept?.[rule], kept);
      const caught = ['near', 'far'].map((set) => {
        const of = scored.filter((r) => r.set === set);
        return of.filter((r) => r.decisions[rule] === 'ood').length / of.length;
      }) as [number, number];
      assert.equal(ood[0]?.figures?.decisions[rule].ood_caught, caught[0]);
      assert.ok(
        Math.abs((average?.decisions[rule].balanced_accuracy ?? 0) - (kept + (caught[0] + caught[1]) / 2) / 2) < 1e-12,
      );
    }
    const rejected = inside.filter((r) => r.decisions.ctw === 'ood').sort((a, b) => a.scores.ctw - b.scores.ctw);
    assert.deepEqual(
      worst.ctw.id_rejected.map((m) => m.path),
      rejected.slice(0, 12).map((r) => r.path),
    );
    const accepted = scored
      .filter((r) => r.set !== 'inside' && r.decisions.atd === 'id')
      .sort((a, b) => b.scores.atd - a.scores.atd);
    assert.deepEqual(
      worst.atd.ood_accepted.map((m) => `${m.set}/${m.path}`),
      accepted.slice(0, 12).map((r) => `${r.set}/${r.path}`),
    );
    assert.deepEqual(
      failed.listed.map((f) => f.code),
      ['image_undecodable', 'unsupported_media_type'],
    );
  });

  it('a set without a single verdict has no figures and does not enter the average', () => {
    const rows = madeRows().filter((r) => r.set !== 'far' || 'error' in r);
    const r = results(collected(rows));
    assert.equal(r.ood[1]?.figures, null);
    assert.deepEqual(r.average, r.ood[0]?.figures);
    assert.doesNotThrow(() => JSON.parse(JSON.stringify(r)));
    const nothing = results(collected([failedRow('inside', 1), failedRow('near', 1), failedRow('far', 1)]));
    assert.deepEqual([nothing.id.accuracy, nothing.average], [null, null]);
    for (const table of tablesOf(nothing)) assert.match(table.rows.flat().join(' '), /n\/a/);
  });

  it('a score or rule that only some verdicts have is measured where all images of both sets have it, and n/a elsewhere', () => {
    const random = randoms(9);
    const rows = madeRows().map((row): Row => {
      if ('error' in row) return row;
      const known = row.set !== 'far' || row.path.endsWith('1.jpg');
      if (!known) return row;
      const [scores, decisions] = [
        { ...row.scores, neglabel: random(), unheard_of: 1 },
        { ...row.decisions, combined: 'ood' as const },
      ];
      return { ...row, scores, decisions };
    });
    const r = results(collected(rows));
    const near = r.ood[0]?.figures;
    assert.equal(near?.decisions['combined']?.balanced_accuracy, 0.5);
    assert.equal(near?.scores['unheard_of']?.auroc, 0.5, 'all values are equal');
    assert.ok(near?.scores['neglabel']);
    assert.deepEqual(
      [r.ood[1]?.figures?.scores['neglabel'], r.average?.scores['neglabel'], r.average?.decisions['combined']],
      [undefined, undefined, undefined],
    );
    assert.equal(r.id.id_kept?.['combined'], 0);
    assert.deepEqual(Object.keys(near?.scores ?? {}), [...SCORES, 'neglabel', 'unheard_of'], 'unknown names last');
    const [scores, , , rules] = tablesOf(r);
    assert.match(
      scores?.rows.find(([name]) => name === 'NegLabel')?.join(' ') ?? '',
      /^NegLabel [\d.]+\/[\d.]+ n\/a n\/a$/,
    );
    assert.deepEqual(
      rules?.rows.find(([name]) => name === 'Combined'),
      ['Combined', '0.00', '100.00/50.00', 'n/a', 'n/a'],
    );
  });

  it('failures are listed up to a limit and all of them counted', () => {
    const collector = new Collector(NAMES, 3);
    for (let i = 0; i < MOST_FAILURES + 50; i++) collector.add(failedRow('far', i));
    const { failed } = results(collector);
    assert.deepEqual([failed.count, failed.listed.length], [MOST_FAILURES + 50, MOST_FAILURES]);
  });

  it('a row of an unknown set or class is refused', () => {
    const collector = new Collector(NAMES, 3);
    assert.throws(() => collector.add(madeRow('elsewhere', 1, randoms(1))), RangeError);
    assert.throws(() => collector.add(madeRow('inside', 1, randoms(1), 3)), RangeError);
  });

  it('the collector holds numbers instead of rows: further images cost under 150 bytes each', (t) => {
    // a process of its own: no other test's garbage in the figures
    const script = `
      import { Collector } from './src/evaluation/collector.ts';
      import { madeRow, randoms } from './test/helpers/rows.ts';
      const held = (count) => {
        const random = randoms(1);
        const collector = new Collector(['inside', 'near'], 3);
        for (let i = 0; i < count; i++) collector.add(madeRow(i % 2 ? 'near' : 'inside', i, random, i % 2 ? undefined : i % 3));
        globalThis.gc();
        const { heapUsed, arrayBuffers } = process.memoryUsage();
        return { heapUsed, arrayBuffers, images: collector.sets[0].scores.ctw.length };
      };
      held(5_000); // compiled code and shapes are on the heap too, whatever is collected
      console.log(JSON.stringify([500, 5_000, 50_000].map(held)));
    `;
    const child = spawnSync(process.execPath, ['--expose-gc', '--import', 'tsx', '--input-type=module', '-e', script], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    assert.equal(child.status, 0, child.stderr);
    const [few, more, many] = JSON.parse(child.stdout) as { heapUsed: number; arrayBuffers: number }[];
    const grown = (key: 'heapUsed' | 'arrayBuffers', from = few, to = more) => (to?.[key] ?? 0) - (from?.[key] ?? 0);
    t.diagnostic(
      `from 500 to 5,000 images: heap ${grown('heapUsed')} bytes, columns ${grown('arrayBuffers')}; to 50,000: heap ${grown('heapUsed', few, many)}, columns ${grown('arrayBuffers', few, many)}`,
    );
    // the rows themselves would be some 600 bytes each on the heap; a few hundred kilobytes come and go with the machine code
    assert.ok(grown('heapUsed') < 4500 * 100, `heap grew by ${grown('heapUsed')}`);
    assert.ok(grown('heapUsed', few, many) < 49_500 * 10, `heap grew by ${grown('heapUsed', few, many)}`);
    assert.ok(grown('arrayBuffers', few, many) < 49_500 * 150, `columns grew by ${grown('arrayBuffers', few, many)}`);
  });
});

it('the figures are those of the Python package on the same scores', { skip: skip.python }, () => {
  const rows = madeRows().filter((r): r is ScoredRow => 'scores' in r);
  const side = (set: string) => {
    const of = rows.filter((r) => r.set === set);
    return Object.fromEntries([
      ...SCORES.map((s) => [s, of.map((r) => r.scores[s])]),
      ...RULES.map((r) => [`reject_${r}`, of.map((row) => row.decisions[r] === 'ood')]),
    ]);
  };
  const script = `
import json, sys
import numpy as np
from clipn_models.evaluate import compare
inside, *others = ({k: np.array(v) for k, v in side.items()} for side in json.load(sys.stdin))
print(json.dumps([compare(inside, outside) for outside in others]))`;
  const collector = collected(rows);
  const python = spawnSync(PYTHON as string, ['-c', script], {
    cwd: `${ROOT}/models`,
    input: JSON.stringify(NAMES.map(side)),
    encoding: 'utf8',
  });
  assert.equal(python.status, 0, python.stderr);
  for (const [i, set] of ['near', 'far'].entries()) {
    const theirs = JSON.parse(python.stdout)[i];
    const ours = compare(collector.sets[0]!, collector.sets[i + 1]!);
    for (const s of SCORES) {
      for (const key of ['auroc', 'fpr95_ood_accepted', 'fpr95_id_rejected'] as const) {
        const difference = Math.abs((ours?.scores[s][key] ?? Number.NaN) - theirs.scores[s][key]);
        assert.ok(difference <= 1e-9, `${set} ${s} ${key}: ${difference}`);
      }
    }
    for (const r of RULES) {
      assert.ok(Math.abs((ours?.decisions[r].id_kept ?? 0) - theirs.decisions[r].id_accepted) < 1e-12);
      assert.ok(Math.abs((ours?.decisions[r].ood_caught ?? 0) - theirs.decisions[r].ood_rejected) < 1e-12);
    }
  }
});
