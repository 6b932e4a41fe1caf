import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { mixed, weightOf } from '../../src/tenants/examples/mix.ts';
import { packed, unpacked } from '../../src/tenants/examples/stored.ts';

const WIDTH = 12;
const length = (row: ArrayLike<number>) => Math.hypot(...Array.from(row));
const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((sum, x, i) => sum + x * (b[i] as number), 0);
const unitRow = fc
  .array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: WIDTH, maxLength: WIDTH })
  .filter((row) => length(row) > 0.1)
  .map((row) => Float64Array.from(row, (x) => x / length(row)));
const rows = fc.array(unitRow, { minLength: 1, maxLength: 20 });
/** The first two axes, as unit rows, and the third, of which a row of length 1/2 leaves the share 3/4. */
const directions = Float32Array.from({ length: 3 * WIDTH }, (_, i) =>
  i === 0 || i === WIDTH + 1 ? 1 : i === 2 * WIDTH + 2 ? 0.5 : 0,
);

describe('class features from examples', () => {
  it('has unit length, and does not depend on the order of the examples', () => {
    fc.assert(
      fc.property(unitRow, rows, (text, examples) => {
        const row = mixed(text, examples, directions);
        assert.ok(Math.abs(length(row) - 1) < 1e-9);
        const turned = mixed(text, [...examples].reverse(), directions);
        assert.ok(row.every((x, i) => Math.abs(x - (turned[i] as number)) < 1e-9));
      }),
    );
  });

  it('is the normalised mix of the text and the prototype without the shared directions, computed in another way', () => {
    fc.assert(
      fc.property(unitRow, rows, (text, examples) => {
        const mean = Array.from(
          text,
          (_, i) => examples.reduce((sum, row) => sum + (row[i] as number), 0) / examples.length,
        );
        const rest = mean.map((x, i) => (i < 2 ? 0 : i === 2 ? 0.75 * x : x));
        fc.pre(length(rest) > 1e-3);
        const weight = (0.55 * examples.length) / (examples.length + 1);
        const sum = rest.map((x, i) => (text[i] as number) + weight * (x / length(rest) - (i === 0 ? 0.08 : 0)));
        const row = mixed(text, examples, directions);
        for (const [i, x] of sum.entries()) assert.ok(Math.abs(x / length(sum) - (row[i] as number)) < 1e-9);
      }),
    );
  });

  it('the part that all photographs have in common does not move the feature', () => {
    fc.assert(
      fc.property(unitRow, unitRow, fc.double({ min: -1, max: 1, noNaN: true }), (text, example, common) => {
        fc.pre(length(example.subarray(2)) > 1e-3);
        const other = example.map((x, i) => (i < 2 ? x + common : x));
        const [a, b] = [mixed(text, [example], directions), mixed(text, [other], directions)];
        assert.ok(a.every((x, i) => Math.abs(x - (b[i] as number)) < 1e-9));
      }),
    );
  });

  it('more examples have more weight, and never more than the name', () => {
    for (let n = 1; n < 100; n++) assert.ok(weightOf(n) < weightOf(n + 1) && weightOf(n) < 1);
    assert.equal(weightOf(0), 0);
  });

  it('a stored embedding is the embedding, up to half a step', () => {
    fc.assert(
      fc.property(unitRow, (row) => {
        const back = unpacked(packed(Float32Array.from(row)));
        assert.equal(back.length, WIDTH);
        assert.ok(back.every((x, i) => Math.abs(x - (row[i] as number)) < 1 / 32767));
        assert.ok(dot(back, row) > 0.9999);
      }),
    );
  });
});
