import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { betaCdf, betaQuantile } from '../../src/clipn/beta.ts';
import {
  ascending,
  fewestFor,
  keptLeaveOneOut,
  keptShare,
  pValue,
  rankOf,
  thresholdOf,
} from '../../src/clipn/index.ts';

const score = fc.oneof(fc.double({ min: -10, max: 10, noNaN: true }), fc.constantFrom(0, 0.5, 1));
const scores = fc.array(score, { minLength: 1, maxLength: 80 });
const keep = fc.constantFrom(0.5, 0.75, 0.8, 0.9, 0.95, 0.99);
const near = (a: number, b: number, within: number, what: string) =>
  assert.ok(Math.abs(a - b) <= within, `${what}: ${a} against ${b}`);

describe('beta distribution', () => {
  it('equals the binomial sum for whole parameters, another way to the same number', () => {
    // P(Beta(a, b) <= x) = P(Binomial(a + b - 1, x) >= a)
    const binomialTail = (a: number, n: number, x: number) => {
      let sum = 0;
      let term = 1;
      for (let i = 0; i < a; i++) term *= ((n - i) * x) / (i + 1);
      for (let i = a; i <= n; i++) {
        sum += term * (1 - x) ** (n - i);
        term *= ((n - i) * x) / (i + 1);
      }
      return sum;
    };
    const whole = fc.integer({ min: 1, max: 60 });
    fc.assert(
      fc.property(whole, whole, fc.double({ min: 0.001, max: 0.999, noNaN: true }), (a, b, x) =>
        near(betaCdf(x, a, b), binomialTail(a, a + b - 1, x), 1e-9, `Beta(${a}, ${b}) at ${x}`),
      ),
    );
  });

  it('a quantile is the inverse, and has its closed form where b is 1', () => {
    const parameter = fc.integer({ min: 1, max: 1000 });
    fc.assert(
      fc.property(
        parameter,
        fc.integer({ min: 1, max: 100 }),
        fc.double({ min: 0.001, max: 0.999, noNaN: true }),
        (a, b, q) => {
          near(betaCdf(betaQuantile(q, a, b), a, b), q, 1e-9, `Beta(${a}, ${b})`);
          near(betaQuantile(q, a, 1), q ** (1 / a), 1e-12, `Beta(${a}, 1)`);
        },
      ),
    );
  });
});

describe('split conformal calibration', () => {
  it('the rank needs as many images as fewestFor says, and no rounding of 1 - keep loses one', () => {
    assert.deepEqual([0.5, 0.8, 0.9, 0.95, 0.99].map(fewestFor), [1, 4, 9, 19, 99]);
    for (const share of [0.5, 0.8, 0.9, 0.95, 0.99]) {
      assert.equal(rankOf(fewestFor(share), share), 1);
      assert.equal(rankOf(fewestFor(share) - 1, share), 0);
    }
    assert.equal(thresholdOf(ascending([1, 2, 3]), 0.95), Number.NEGATIVE_INFINITY);
  });

  it('over all n + 1 choices of the image that was left out, at least keep are kept: the guarantee, exactly', () => {
    fc.assert(
      fc.property(scores, score, keep, (some, last, share) => {
        const all = [...some, last];
        const kept = all.filter((own, i) => own >= thresholdOf(ascending(all.filter((_, j) => j !== i)), share));
        assert.ok(kept.length / all.length >= share - 1e-9, `${kept.length} of ${all.length}`);
      }),
    );
  });

  it('the p-value is uniform at worst, and its order decides as the threshold does', () => {
    fc.assert(
      fc.property(scores, score, keep, (some, own, share) => {
        const sorted = ascending(some);
        const p = pValue(sorted, own);
        assert.ok(p > 0 && p <= 1);
        const k = rankOf(sorted.length, share);
        assert.equal(own < thresholdOf(sorted, share), k >= 1 && p <= k / (sorted.length + 1) + 1e-12);
      }),
    );
    fc.assert(
      fc.property(scores, fc.double({ min: 0.01, max: 0.99, noNaN: true }), (all, a) => {
        const small = all.filter((own, i) => pValue(ascending(all.filter((_, j) => j !== i)), own) <= a);
        assert.ok(small.length / all.length <= a + 1e-12);
      }),
    );
  });

  it('leave-one-out counts what the threshold of the others keeps, with equal scores as well', () => {
    fc.assert(
      fc.property(scores, keep, (some, share) => {
        const one = some.filter((own, i) => own >= thresholdOf(ascending(some.filter((_, j) => j !== i)), share));
        assert.equal(keptLeaveOneOut(ascending(some), share), one.length);
      }),
    );
  });

  it('the interval contains the expected share, and narrows with the number of images', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), keep, (n, share) => {
        const { expected, low, high } = keptShare(n, share);
        assert.ok(expected >= share - 1e-9);
        assert.ok(low <= expected && expected <= high + 1e-12, `${low} ${expected} ${high}`);
      }),
    );
    // Beta(30, 1) has the quantile q^(1/30)
    const { expected, low, high } = keptShare(30, 0.95);
    near(expected, 30 / 31, 1e-12, 'expected');
    near(low, 0.025 ** (1 / 30), 1e-9, 'low');
    near(high, 0.975 ** (1 / 30), 1e-9, 'high');
    const width = (n: number) => keptShare(n, 0.9).high - keptShare(n, 0.9).low;
    assert.ok(width(999) < width(99) && width(99) < width(19));
  });
});
