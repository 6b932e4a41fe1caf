import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { curveOf, ruleFigures, type ScoreFigures, scoreFigures } from '../../src/evaluation/metrics.ts';
import { PYTHON, ROOT, skip } from '../helpers/paths.ts';

const scattered = fc.double({ min: -1e6, max: 1e6, noNaN: true });
const tied = fc.constantFrom(0, -0, 0.5, 1, 1 - 2 ** -53, 1e-300);
const many = (score: fc.Arbitrary<number>) => fc.array(score, { minLength: 1, maxLength: 60 });
/** Distinct, tied, all equal, single. */
const samples = fc.oneof(
  fc.tuple(many(scattered), many(scattered)),
  fc.tuple(many(tied), many(tied)),
  fc.tuple(many(fc.constant(0.25)), many(fc.constant(0.25))),
  fc.tuple(many(scattered), fc.tuple(scattered)),
  fc.tuple(fc.tuple(tied), many(tied)),
  // exactly 95 % of 20, 40 and 60 are whole numbers: the level falls on a point of the curve
  fc.constantFrom(20, 40, 60).chain((n) => {
    const score = fc.oneof(tied, scattered);
    return fc.tuple(fc.array(score, { minLength: n, maxLength: n }), fc.array(score, { minLength: n, maxLength: n }));
  }),
);

const close = (a: number, b: number, what: string, tolerance = 1e-12) =>
  assert.ok(Math.abs(a - b) <= tolerance, `${what}: ${a} against ${b}`);

/** Every figure once more from its definition, thresholds tried one by one: O(n^2), no sorting shared with the code under test. */
function naive(id: readonly number[], ood: readonly number[]): ScoreFigures {
  const share = (of: readonly number[], test: (x: number) => boolean) => of.filter(test).length / of.length;
  const thresholds = [...new Set([...id, ...ood].map((x) => x + 0))].sort((x, y) => y - x);

  let wins = 0;
  for (const x of id) for (const y of ood) wins += x > y ? 1 : x === y ? 0.5 : 0;

  // the curve from (0, 0), one point per threshold; the last point at or left of the level, the first right of it
  const points = [
    { tpr: 0, fpr: 0 },
    ...thresholds.map((t) => ({ tpr: share(id, (x) => x >= t), fpr: share(ood, (x) => x >= t) })),
  ];
  const left = points.findLast((p) => p.tpr <= 0.95) as { tpr: number; fpr: number };
  const right = points.find((p) => p.tpr > 0.95) as { tpr: number; fpr: number };
  const weight = (0.95 - left.tpr) / (right.tpr - left.tpr);

  // rejecting everything at or below t: the smallest t that catches 95 % of OOD
  const catching = thresholds.filter((t) => share(ood, (x) => x <= t) >= 0.95).at(-1) as number;

  const averagePrecision = (positive: readonly number[], negative: readonly number[], at: number[]) => {
    let sum = 0;
    let recall = 0;
    for (const t of at) {
      const hits = positive.filter((x) => x >= t).length;
      const misses = negative.filter((x) => x >= t).length;
      sum += (hits / positive.length - recall) * (hits / (hits + misses));
      recall = hits / positive.length;
    }
    return sum;
  };
  const negated = (x: readonly number[]) => x.map((v) => 0 - v);
  return {
    auroc: wins / (id.length * ood.length),
    fpr95_ood_accepted: (1 - weight) * left.fpr + weight * right.fpr,
    fpr95_id_rejected: share(id, (x) => x <= catching),
    aupr_in: averagePrecision(id, ood, thresholds),
    aupr_out: averagePrecision(negated(ood), negated(id), negated(thresholds).reverse()),
  };
}

describe('figures of a score', () => {
  it('AUROC, AUPR and FPR95 equal their definitions, computed threshold by threshold', () => {
    fc.assert(
      fc.property(samples, ([id, ood]) => {
        const ours = scoreFigures(curveOf(id, ood));
        const theirs = naive(id, ood);
        for (const key of Object.keys(theirs) as (keyof ScoreFigures)[]) close(ours[key], theirs[key], key);
      }),
      { numRuns: 1000 },
    );
  });

  it('figures equal scikit-learn and, for FPR95, the interpolation of CLIPN and the threshold of OpenOOD, to 1e-9', {
    skip: skip.python,
  }, () => {
    const cases = fc.sample(samples, { numRuns: 400, seed: 3 });
    // a set of the size that people measure, a third of it tied
    const large = (n: number, shift: number) =>
      Array.from({ length: n }, (_, i) => {
        const x = Math.sin(i * 12.9898 + shift) * 43758.5453;
        const u = x - Math.floor(x) + shift / 10;
        return i % 3 === 0 ? Math.round(u * 20) / 20 : u;
      });
    cases.push([large(5000, 2), large(3000, 1)]);
    const python = spawnSync(PYTHON as string, [join(import.meta.dirname, 'metrics_reference.py')], {
      cwd: join(ROOT, 'models'),
      input: JSON.stringify(cases),
      encoding: 'utf8',
      maxBuffer: 1e9,
    });
    assert.equal(python.status, 0, python.stderr);
    const expected = JSON.parse(python.stdout) as ScoreFigures[];
    assert.equal(expected.length, cases.length);
    for (const [i, [id, ood]] of cases.entries()) {
      const ours = scoreFigures(curveOf(id, ood));
      for (const [key, value] of Object.entries(expected[i] as ScoreFigures)) {
        close(ours[key as keyof ScoreFigures], value, `case ${i}, ${key}`, 1e-9);
      }
    }
  });

  it('figures swap with the sets and the sign of the scores, and do not change under a strictly increasing function', () => {
    fc.assert(
      fc.property(samples, ([id, ood]) => {
        const ours = scoreFigures(curveOf(id, ood));
        const swapped = scoreFigures(
          curveOf(
            ood.map((x) => -x),
            id.map((x) => -x),
          ),
        );
        close(ours.auroc, swapped.auroc, 'auroc');
        assert.equal(ours.aupr_in, swapped.aupr_out);
        assert.equal(ours.aupr_out, swapped.aupr_in);
        const scaled = scoreFigures(
          curveOf(
            id.map((x) => x * 4),
            ood.map((x) => x * 4),
          ),
        );
        assert.deepEqual(scaled, ours);
      }),
    );
  });

  it('figures of four scores equal those computed by hand', () => {
    const perfect = scoreFigures(curveOf([3, 4], [1, 2]));
    assert.deepEqual(perfect, {
      auroc: 1,
      fpr95_ood_accepted: 0,
      fpr95_id_rejected: 0,
      aupr_in: 1,
      aupr_out: 1,
    });
    const blind = scoreFigures(curveOf([1, 1, 1], [1]));
    close(blind.fpr95_ood_accepted, 0.95, 'a constant score accepts as much OOD as ID');
    assert.deepEqual(
      { ...blind, fpr95_ood_accepted: 0 },
      {
        auroc: 0.5,
        fpr95_ood_accepted: 0,
        fpr95_id_rejected: 1,
        aupr_in: 0.75,
        aupr_out: 0.25,
      },
    );
    // twenty ID images, nineteen of them above one OOD image, the last below it: at the level exactly, the far end counts
    const level = curveOf([...Array.from({ length: 19 }, () => 2), 0], [1, 0.5]);
    assert.equal(scoreFigures(level).fpr95_ood_accepted, 1);
    // the two conventions are different questions: four of five OOD images are easy, one looks like ID
    const odd = scoreFigures(curveOf([5, 6, 7, 8], [1, 1, 1, 1, 9]));
    assert.deepEqual([odd.fpr95_ood_accepted, odd.fpr95_id_rejected], [0.2, 1]);
  });

  it('figures of an empty set and of NaN are refused', () => {
    assert.throws(() => curveOf([], [1]), RangeError);
    assert.throws(() => curveOf([1], []), RangeError);
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
      assert.throws(() => curveOf([0, bad, 1], [1]), RangeError);
  });
});

describe('figures of a rule', () => {
  it("a rule's figures are its two shares and their mean", () => {
    assert.deepEqual(ruleFigures({ kept: 3, of: 4 }, { caught: 1, of: 4 }), {
      id_kept: 0.75,
      ood_caught: 0.25,
      balanced_accuracy: 0.5,
    });
    assert.throws(() => ruleFigures({ kept: 0, of: 0 }, { caught: 1, of: 1 }), RangeError);
  });
});
