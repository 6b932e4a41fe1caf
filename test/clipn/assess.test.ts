import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { assess, classNameFault, fillTemplate, templateFault, topK } from '../../src/clipn/index.ts';

const cosine = fc.oneof(
  { weight: 4, arbitrary: fc.double({ min: -1, max: 1, noNaN: true }) },
  { weight: 1, arbitrary: fc.constantFrom(-1, 0, 1, 1e-9, -1e-300, 0.25, 0.2500000001) },
);
const pairs = fc.array(fc.tuple(cosine, cosine), { minLength: 1, maxLength: 60 });
const scale = fc.constantFrom(1, 10, 100, 1e4);
const yes = (rows: [number, number][]) => rows.map((r) => r[0]);
const no = (rows: [number, number][]) => rows.map((r) => r[1]);
const close = (a: number, b: number, what: string) =>
  assert.ok(Math.abs(a - b) <= 1e-12 * Math.max(1, Math.abs(b)), `${what}: ${a} against ${b}`);

/**
 * The definitions once more, straight from the paper and in another way: log-probabilities by pairwise log-add, the binary
 * probability as a softmax over two logits, p_{C+1} by its complement.
 */
function reference(s: number[], sNo: number[], k: number) {
  const logAdd = (a: number, b: number) => (a > b ? a + Math.log1p(Math.exp(b - a)) : b + Math.log1p(Math.exp(a - b)));
  const lse = (v: number[]) => v.slice(1).reduce(logAdd, v[0] as number);
  const logits = s.map((x) => k * x);
  const total = lse(logits);
  const p = logits.map((x) => Math.exp(x - total));
  const pNo = s.map((x, j) => Math.exp(k * (sNo[j] as number) - lse([k * x, k * (sNo[j] as number)])));
  const kept = p.reduce((sum, pj, j) => sum + (1 - (pNo[j] as number)) * pj, 0);
  const star = p.indexOf(Math.max(...p));
  return { p, pNo, pOod: 1 - kept, kept, star, total };
}

describe('assess', () => {
  it('assess agrees with an independent implementation in float64, extreme logits included', () => {
    fc.assert(
      fc.property(pairs, scale, (rows, k) => {
        const a = assess(yes(rows), no(rows), k);
        const r = reference(yes(rows), no(rows), k);
        for (const j of rows.keys()) {
          // both sides carry the rounding of logits of size k
          assert.ok(Math.abs((a.p[j] as number) - (r.p[j] as number)) <= 1e-11 * Math.max(1, k / 100), `p ${j}`);
          assert.ok(Math.abs((a.pNo[j] as number) - (r.pNo[j] as number)) <= 1e-11 * Math.max(1, k / 100), `pNo ${j}`);
        }
        assert.ok(Math.abs(a.pOod - r.pOod) <= 1e-11 * Math.max(1, k / 100), 'pOod');
        assert.ok(Math.abs(a.scores.energy - r.total) <= 1e-9 * Math.max(1, Math.abs(r.total)), 'energy');
        close(a.scores.msp, a.p[a.index] as number, 'msp');
        close(a.scores.max_logit, k * Math.max(...yes(rows)), 'max_logit');
        close(a.scores.mcm, 1 / yes(rows).reduce((sum, s) => sum + Math.exp(s - Math.max(...yes(rows))), 0), 'mcm');
        close(a.scores.ctw, 1 - (a.pNo[a.index] as number), 'ctw');
        close(a.scores.atd, 1 - a.pOod, 'atd');
      }),
      { numRuns: 2000 },
    );
  });

  it('assess gives probabilities in 0..1; the yes ones sum to one, and all C+1 sum to one', () => {
    fc.assert(
      fc.property(pairs, scale, (rows, k) => {
        const { p, pNo, pOod } = assess(yes(rows), no(rows), k);
        for (const v of [...p, ...pNo, pOod]) assert.ok(v >= 0 && v <= 1);
        close(
          p.reduce((a, b) => a + b),
          1,
          'sum p',
        );
        close(p.reduce((sum, pj, j) => sum + (1 - (pNo[j] as number)) * pj, 0) + pOod, 1, 'sum C+1');
      }),
    );
  });

  it('assess decides by the stated rules', () => {
    fc.assert(
      fc.property(pairs, (rows) => {
        const { p, pNo, pOod, index, decisions } = assess(yes(rows), no(rows), 100);
        const kept = [...p].map((pj, j) => (1 - (pNo[j] as number)) * pj);
        assert.equal(decisions.ctw === 'ood', (pNo[index] as number) > 0.5);
        assert.equal(decisions.atd === 'ood', pOod > Math.max(...p));
        assert.equal(decisions.atd_rescaled === 'ood', pOod > Math.max(...kept));
        if (decisions.atd === 'ood') assert.equal(decisions.atd_rescaled, 'ood');
      }),
      { numRuns: 1000 },
    );
  });

  it('with one class, ATD never rejects and ATD rescaled equals CTW', () => {
    fc.assert(
      fc.property(cosine, cosine, scale, (s, sNo, k) => {
        const { decisions, p } = assess([s], [sNo], k);
        assert.equal(p[0], 1);
        assert.equal(decisions.atd, 'id');
        assert.equal(decisions.atd_rescaled, decisions.ctw);
      }),
    );
  });

  it('assess follows a permutation of the classes and keeps duplicates separate', () => {
    fc.assert(
      fc.property(pairs, (rows) => {
        const a = assess(yes(rows), no(rows), 100);
        const turned = [...rows].reverse();
        const b = assess(yes(turned), no(turned), 100);
        for (const j of rows.keys()) close(a.p[j] as number, b.p[rows.length - 1 - j] as number, `p ${j}`);
        close(a.pOod, b.pOod, 'pOod');
      }),
    );
    const twice = assess([0.3, 0.3], [0.1, 0.1], 100);
    assert.deepEqual([...twice.p], [0.5, 0.5]);
    assert.equal(twice.index, 0);
  });

  it('assess handles logits at which exp would overflow, and 10,000 classes', () => {
    const { p, pNo, pOod, scores } = assess([1, -1], [-1, 1], 1e6);
    assert.deepEqual([...p], [1, 0]);
    assert.deepEqual([...pNo], [0, 1]);
    assert.equal(pOod, 0);
    assert.equal(scores.energy, 1e6);
    const many = Array.from({ length: 10_000 }, (_, j) => Math.sin(j));
    assert.equal(assess(many, many, 100).p.length, 10_000);
  });

  it('assess refuses non-numbers, no classes, and different lengths', () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      assert.throws(() => assess([0.1, bad], [0.1, 0.1], 100), RangeError);
      assert.throws(() => assess([0.1, 0.1], [bad, 0.1], 100), RangeError);
    }
    assert.throws(() => assess([], [], 100), RangeError);
    assert.throws(() => assess([0.1], [0.1, 0.2], 100), RangeError);
  });
});

it('topK is the head of a stable sort', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1 }),
      fc.integer({ min: 0, max: 20 }),
      (values, k) => {
        const sorted = values.map((_, i) => i).sort((a, b) => (values[b] as number) - (values[a] as number) || a - b);
        assert.deepEqual(topK({ p: Float64Array.from(values) }, k), sorted.slice(0, k));
      },
    ),
  );
});

describe('templates', () => {
  it('templates keep names unchanged', () => {
    assert.equal(fillTemplate("'a photo of a {}.',", '$& {0} $1'), "'a photo of a $& {0} $1.',");
  });
  it('a template needs exactly one place for the name', () => {
    assert.equal(templateFault('a photo of a {}.'), undefined);
    for (const bad of ['no place', '{} and {}', '', '{\u0000}{}']) assert.ok(templateFault(bad));
  });
  it('class names may be in any script; empty ones, long ones and control characters are refused', () => {
    for (const good of ['dog', 'собака', '狗', 'كلب', 'dog 🐕', "it's", 'a  b'])
      assert.equal(classNameFault(good), undefined);
    for (const bad of ['', '   ', 'a\u0000b', 'a\nb', '\ud800', 'x'.repeat(257)]) assert.ok(classNameFault(bad));
  });
});
