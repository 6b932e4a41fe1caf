import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { nearestWords } from '../../src/clipn/index.ts';

const cosines = (minLength: number) =>
  fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength, maxLength: 30 });
const NONE = new Set<number>();

describe('nearest words', () => {
  it('are those with the largest cosines, ties by index, with the probabilities of one softmax with the classes', () => {
    fc.assert(
      fc.property(cosines(1), cosines(0), fc.nat(8), fc.array(fc.nat(29)), (yes, words, k, left) => {
        const excluded = new Set(left);
        const found = nearestWords(yes, words, 10, { k, excluded });
        const counted = words.map((cosine, index) => ({ cosine, index })).filter(({ index }) => !excluded.has(index));
        const order = [...counted].sort((a, b) => b.cosine - a.cosine || a.index - b.index).slice(0, k);
        assert.deepEqual(
          found.map(({ index }) => index),
          order.map(({ index }) => index),
        );
        const sum = [...yes, ...counted.map(({ cosine }) => cosine)].reduce((all, x) => all + Math.exp(10 * x), 0);
        for (const { index, probability } of found)
          assert.ok(Math.abs(probability - Math.exp(10 * (words[index] as number)) / sum) < 1e-12);
      }),
    );
  });

  it('one image has the same words and probabilities whatever the size of the numbers before the softmax', () => {
    const [near] = nearestWords([0.5], [1], 1e6, { k: 1, excluded: NONE });
    assert.deepEqual(near, { index: 0, probability: 1 });
    assert.deepEqual(nearestWords([1], [0.5], 1e6, { k: 1, excluded: NONE }), [{ index: 0, probability: 0 }]);
  });

  it('a word with the larger cosine is nearer, also where rounding gives both the same logit', () => {
    const [less, more] = [0.95, 0.95 + Number.EPSILON / 2];
    assert.ok(less < more && 10 * less === 10 * more);
    const found = nearestWords([0], [less, more], 10, { k: 1, excluded: NONE });
    assert.equal(found[0]?.index, 1);
  });

  it('an excluded word takes no probability, and where all are excluded there is none', () => {
    const found = nearestWords([0], [1, 0], 1, { k: 5, excluded: new Set([0, 7]) });
    assert.deepEqual(found, [{ index: 1, probability: 0.5 }]);
    assert.deepEqual(nearestWords([0], [1], 1, { k: 5, excluded: new Set([0]) }), []);
  });

  it('a cosine that is not finite is an error', () => {
    for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY])
      for (const [yes, words] of [
        [[wrong], [0]],
        [[0], [wrong]],
      ] as const)
        assert.throws(() => nearestWords(yes, words, 1, { k: 1, excluded: NONE }), RangeError);
  });
});
