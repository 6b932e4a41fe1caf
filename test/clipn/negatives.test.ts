import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  closeness,
  combinedScore,
  decide,
  decideByNegatives,
  decisionOf,
  glMcm,
  logitGap,
  mine,
  negativeShares,
  negLabelScore,
  probabilities,
  quantileInPlace,
} from '../../src/clipn/index.ts';
import { PYTHON, ROOT, skip } from '../helpers/paths.ts';

const cosine = fc.double({ min: -1, max: 1, noNaN: true });
const cosines = fc.array(cosine, { minLength: 1, maxLength: 40 });
const scale = fc.constantFrom(1, 100, 1e5);
const groups = fc.integer({ min: 1, max: 60 });

interface Case {
  input: Record<'yes' | 'words' | 'patches', number[][]> & { image: number[]; excluded: number[] } & {
    parts: [number, number][];
  } & Record<'limit' | 'labels' | 'quantile' | 'groups' | 'scale' | 'top', number>;
  output: Record<'closeness' | 'limited' | 'chosen', number[]> &
    Record<'neglabel' | 'even' | 'logit_gap' | 'logit_gap_top' | 'gl_mcm', number>;
}

const dot = (a: number[], b: number[]) => a.reduce((sum, x, i) => sum + x * (b[i] as number), 0);

function agrees({ input, output }: Case): void {
  const { yes, words, image, patches, quantile, limit } = input;
  const close = (mine: ArrayLike<number>, theirs: number[]) => {
    assert.equal(mine.length, theirs.length);
    for (const [i, value] of theirs.entries()) assert.ok(Math.abs((mine[i] as number) - value) <= 1e-9, `value ${i}`);
  };
  const all = closeness(words.flat(), yes.flat(), image.length, { quantile });
  close(all, output.closeness);
  close(closeness(words.flat(), yes.flat(), image.length, { quantile, limit }), output.limited);
  const parts = input.parts.map(([from, to]) => ({ from, to }));
  const chosen = mine(all, parts, input.labels, new Set(input.excluded));
  assert.deepEqual([...chosen], output.chosen);
  const cosYes = yes.map((row) => dot(row, image));
  const cosNegatives = [...chosen].map((i) => dot(words[i] as number[], image));
  close([negLabelScore(cosYes, cosNegatives, input.scale, input.groups)], [output.neglabel]);
  close([negativeShares(cosYes, input.scale, input.groups)(cosNegatives).even], [output.even]);
  close([logitGap(cosYes, input.scale)], [output.logit_gap]);
  close([logitGap(cosYes, input.scale, input.top)], [output.logit_gap_top]);
  const cosPatches = patches.map((patch) => yes.map((row) => dot(row, patch)));
  close([glMcm(cosYes, cosPatches)], [output.gl_mcm]);
}

describe('scores against negative labels', () => {
  it('mining, NegLabel, LogitGap and GL-MCM agree with an independent NumPy reading to 1e-9', () => {
    const golden = JSON.parse(readFileSync(join(ROOT, 'test/fixtures/negatives.json'), 'utf8')) as Case[];
    assert.equal(golden.length, 4);
    for (const one of golden) agrees(one);
  });

  it('mining, NegLabel, LogitGap and GL-MCM agree with NumPy on features that are drawn now', {
    skip: skip.python,
  }, () => {
    const seed = 1000 + Math.floor(Math.random() * 1e6);
    const { stdout, stderr } = spawnSync(PYTHON as string, ['tests/make_negatives_golden.py', String(seed)], {
      cwd: join(ROOT, 'models'),
      env: { ...process.env, PYTHONPATH: '.' },
    });
    assert.notEqual(String(stdout), '', String(stderr));
    for (const one of JSON.parse(String(stdout)) as Case[]) agrees(one);
  });

  it('the score is in 0..1, and one group is the share of the classes in one softmax', () => {
    fc.assert(
      fc.property(cosines, cosines, scale, groups, (yes, no, k, g) => {
        const score = negLabelScore(yes, no, k, g);
        assert.ok(score >= 0 && score <= 1, `${score}`);
        const top = Math.max(...yes, ...no);
        const mass = (values: number[]) => values.reduce((sum, x) => sum + Math.exp(k * (x - top)), 0);
        const share = mass(yes) / (mass(yes) + mass(no));
        assert.ok(Math.abs(negLabelScore(yes, no, k, 1) - share) <= 1e-9);
      }),
    );
  });

  it('the score does not depend on the order of the classes, falls as a label comes closer, and leaves the remainder of the groups out', () => {
    fc.assert(
      fc.property(
        cosines,
        cosines,
        groups,
        fc.nat(),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (yes, no, g, at, up) => {
          const score = negLabelScore(yes, no, 100, g);
          assert.ok(Math.abs(score - negLabelScore([...yes].reverse(), no, 100, g)) <= 1e-9);
          const closer = no.map((x, i) => (i === at % no.length ? x + up : x));
          assert.ok(negLabelScore(yes, closer, 100, g) <= score + 1e-12);
          const used = no.length - (no.length % Math.min(g, no.length));
          assert.equal(negLabelScore(yes, no.slice(0, used), 100, Math.min(g, no.length)), score);
        },
      ),
    );
  });

  it('a label that the image resembles most leaves no not-a-number where the classes and other groups underflow', () => {
    assert.equal(negLabelScore([-1], [1, -1], 1e6, 2), 0.25);
    assert.equal(negLabelScore([1], [-1, -1], 1e6, 2), 1);
    assert.equal(negLabelScore([0.2], [0.2], 100, 100), 0.5);
  });

  it('scores refuse no class, no label, bad groups and anything that is not finite', () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      assert.throws(() => negLabelScore([0.1, bad], [0.1], 100, 1), RangeError);
      assert.throws(() => negLabelScore([0.1], [0.1, bad], 100, 1), RangeError);
      assert.throws(() => logitGap([0.1, bad], 100), RangeError);
      assert.throws(() => glMcm([0.1], [[bad]]), RangeError);
    }
    for (const bad of [0, -1, 1.5, Number.NaN]) {
      assert.throws(() => negLabelScore([0.1], [0.1], 100, bad), RangeError);
      assert.throws(() => logitGap([0.1, 0.2], 100, Math.min(bad, 0.5)), RangeError);
    }
    assert.throws(() => negLabelScore([], [0.1], 100, 1), RangeError);
    assert.throws(() => negLabelScore([0.1], [], 100, 1), RangeError);
    assert.throws(() => logitGap([], 100), RangeError);
    assert.throws(() => glMcm([0.1], []), RangeError);
    assert.throws(() => glMcm([0.1], [[0.1, 0.2]]), RangeError);
  });

  it('LogitGap of one class is its logit; of equal logits it is 0', () => {
    assert.equal(logitGap([0.3], 100), 30);
    assert.equal(logitGap([0.25, 0.25, 0.25], 100), 0);
  });
});

describe('decisions by negative labels', () => {
  const others = { ctw: 'id' as const, atd: 'id' as const, atd_rescaled: 'id' as const };
  const share = fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.constant(0.5));
  const shares = fc.record({ score: share, even: share });

  it('an image is out of distribution exactly if the score of its rule is below one half', () => {
    fc.assert(
      fc.property(cosines, shares, fc.option(shares, { nil: undefined }), (yes, neglabel, csp) => {
        const all = probabilities(yes, [...yes].reverse(), 100);
        const found = { ...others, ...decideByNegatives(all, { neglabel, ...(csp && { csp }) }) };
        assert.equal(decisionOf(found, 'neglabel'), neglabel.score < 0.5 ? 'ood' : 'id');
        assert.equal(found.csp, csp && (csp.score < 0.5 ? 'ood' : 'id'));
        assert.equal(decisionOf(found, 'combined'), combinedScore(all, csp ?? neglabel) < 0.5 ? 'ood' : 'id');
      }),
    );
  });

  it('the combined rule rejects whatever CTW rejects, and equals CTW where the negative labels hold nothing', () => {
    fc.assert(
      fc.property(cosines, shares, (yes, neglabel) => {
        const all = probabilities(yes, [...yes].reverse(), 100);
        const { ctw } = decide(all);
        const { combined } = decideByNegatives(all, { neglabel });
        if (ctw === 'ood') assert.equal(combined, 'ood');
        assert.equal(decideByNegatives(all, { neglabel: { score: 1, even: 1 } }).combined, ctw);
      }),
    );
  });

  it('with even priors each label twice changes nothing, and as many labels as classes give the published score', () => {
    fc.assert(
      fc.property(cosines, cosines, (yes, no) => {
        const { even } = negativeShares(yes, 100, 1)(no);
        assert.ok(Math.abs(negativeShares(yes, 100, 1)([...no, ...no]).even - even) <= 1e-12);
        const one = negativeShares(yes, 100, 1)(yes.map((x) => x / 2));
        assert.ok(Math.abs(one.even - one.score) <= 1e-12);
        assert.ok(even >= 0 && even <= 1);
      }),
    );
  });

  it('there is no decision of these rules without negative labels', () => {
    const decisions = decideByNegatives(probabilities([0.1], [0.1], 100), {});
    assert.deepEqual(decisions, {});
    for (const rule of ['neglabel', 'csp', 'combined'] as const)
      assert.throws(() => decisionOf({ ...others, ...decisions }, rule), RangeError);
  });
});

describe('mining', () => {
  it('mining takes the words farthest from the classes, the same share of each part, ties by index, none that is excluded', () => {
    const words = fc.array(fc.constantFrom(0, 0.1, 0.2, 0.3, 0.4), { minLength: 2, maxLength: 50 });
    fc.assert(
      fc.property(words, fc.nat(), fc.integer({ min: 1, max: 60 }), fc.array(fc.nat(49)), (close, cut, labels, out) => {
        const middle = cut % (close.length + 1);
        const parts = [
          { from: 0, to: middle },
          { from: middle, to: close.length },
        ];
        const excluded = new Set(out);
        const chosen = [...mine(close, parts, labels, excluded)];
        const free = close.map((_, i) => i).filter((i) => !excluded.has(i));
        assert.equal(chosen.length, Math.min(labels, free.length));
        for (const { from, to } of parts) {
          const inside = free.filter((i) => i >= from && i < to);
          const sorted = inside.sort((a, b) => (close[a] as number) - (close[b] as number) || a - b);
          const mined = chosen.filter((i) => i >= from && i < to);
          assert.deepEqual(mined, sorted.slice(0, mined.length));
          const share = (Math.min(labels, free.length) * inside.length) / Math.max(1, free.length);
          assert.ok(Math.abs(mined.length - share) < 1, `${mined.length} of a share of ${share}`);
        }
      }),
    );
  });

  it('the quantile is linear between neighbours; of one value it is that value', () => {
    assert.equal(quantileInPlace(Float64Array.of(4, 1, 3, 2), 0.5), 2.5);
    assert.equal(quantileInPlace(Float64Array.of(4, 1), 0.95), 1 + 0.95 * 3);
    assert.equal(quantileInPlace(Float64Array.of(7), 0.95), 7);
    assert.equal(quantileInPlace(Float64Array.of(7, 8), 1), 8);
  });

  it('mining refuses rows of other widths, no class, and anything that is not finite', () => {
    assert.throws(() => closeness([1, 0, 1], [1, 0], 2, { quantile: 0.95 }), RangeError);
    assert.throws(() => closeness([1, 0], [], 2, { quantile: 0.95 }), RangeError);
    assert.throws(() => closeness([1, Number.NaN], [1, 0], 2, { quantile: 0.95 }), RangeError);
    assert.throws(() => closeness([1, 0], [1, 0], 2, { quantile: 1.1 }), RangeError);
    assert.throws(() => mine([0.1, Number.NaN], [{ from: 0, to: 2 }], 1), RangeError);
    assert.throws(() => mine([0.1], [{ from: 0, to: 1 }], 0), RangeError);
  });
});
