import assert from 'node:assert/strict';
import { it } from 'node:test';
import { deciles, grouped, psi, psiOfChance, wilson } from '../../src/drift/statistics.ts';

const near = (a: number, b: number, by: number) => assert.ok(Math.abs(a - b) < by, `${a} is not ${b}`);

it("Wilson's interval has the values of the literature, and stays in 0..1 at the edges", () => {
  // Newcombe 1998, table I: 81/263, 15/148, 0/20, 1/29
  for (const [hits, total, low, high] of [
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ] as const) {
    const share = wilson(hits, total);
    near(share.value, hits / total, 1e-12);
    near(share.low, low, 5e-5);
    near(share.high, high, 5e-5);
  }
  assert.deepEqual(wilson(0, 0), { value: 0, low: 0, high: 1 });
  assert.equal(wilson(20, 20).high, 1);
});

it('psi is zero without a change, symmetric, equal to a value computed by hand, and finite with empty bins', () => {
  assert.equal(psi([100, 200, 300], [100, 200, 300]), 0);
  near(psi([1e9, 2e9, 1e9], [1e6, 2e6, 1e6]), 0, 1e-6);
  near(psi([500000, 500000], [900000, 100000]), 0.4 * Math.log(9), 1e-4);
  near(psi([10, 90], [60, 40]), psi([60, 40], [10, 90]), 1e-12);
  assert.ok(Number.isFinite(psi([1000, 0], [0, 1000])) && psi([1000, 0], [0, 1000]) > 5);
});

it('psi of chance is the average of psi between samples of one distribution', () => {
  let state = 42;
  const random = () => {
    state = (state * 1664525 + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const sample = (n: number) => {
    const bins = new Array<number>(10).fill(0);
    for (let i = 0; i < n; i++) {
      const bin = Math.floor(random() * 10);
      bins[bin] = (bins[bin] as number) + 1;
    }
    return bins;
  };
  let total = 0;
  for (let i = 0; i < 300; i++) total += psi(sample(500), sample(800));
  const expected = psiOfChance(10, 500, 800);
  near(total / 300, expected, expected * 0.15);
});

it('deciles merge neighbouring bins until each has a tenth, and no bin is lost', () => {
  const counts = [0, 0, 5, 5, 40, 1, 1, 1, 40, 3, 0, 2, 2];
  const groups = deciles(counts);
  const sums = grouped(counts, groups);
  assert.equal(
    sums.reduce((a, b) => a + b, 0),
    100,
  );
  for (const n of sums) assert.ok(n >= 10, String(sums));
  groups.forEach((g, i) => {
    assert.ok(i === 0 || g === groups[i - 1] || g === (groups[i - 1] as number) + 1);
  });
  assert.deepEqual(deciles([0, 0]), [0, 0]);
});
