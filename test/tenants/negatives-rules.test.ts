import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServiceError } from '../../src/errors/index.ts';
import { faultOfState } from '../../src/tenants/archived-state.ts';
import { type CalibrationChange, madeCalibration, type ScoredImage } from '../../src/tenants/calibration/make.ts';
import { requestedRule } from '../../src/tenants/calibration/rule.ts';
import { calibrated, servingCalibration } from '../../src/tenants/calibration/serving.ts';
import { canonical, checkDefinition, type TenantDefinition } from '../../src/tenants/definition.ts';

const head = { model: 'm', classes: 'c', negatives: 'n', name: 'fake', version: '1' };
const base = { ctw: 0.5, atd: 0.5, msp: 0.5, max_logit: 1, energy: 1, mcm: 0.5 };
const images = (n: number, more: (i: number) => object = () => ({}), from = 0): ScoredImage[] =>
  Array.from({ length: n }, (_, i) => ({
    sha256: String(from + i)
      .padStart(8, '0')
      .padEnd(64, '0'),
    scores: { ...base, ...more(from + i) },
  }));
const byLabels = (i: number) => ({ neglabel: i / 100, logit_gap: i, combined: i / 200 });
const made = (change: Partial<CalibrationChange>, former?: ReturnType<typeof madeCalibration>, of = head) =>
  madeCalibration(former, { choices: {}, ...change }, of, 2);
const code = (error: unknown) => error instanceof ServiceError && error.code;

describe('calibration by negative labels', () => {
  it('its threshold is on the score that was chosen, and the p-value follows', () => {
    const stored = made({ images: images(40, byLabels), choices: { score: 'neglabel' } });
    const serving = servingCalibration(stored, head);
    assert.equal(serving.stale, undefined);
    assert.ok(serving.threshold >= 0 && serving.threshold < 0.03, `${serving.threshold}`);
    const decisions = { ctw: 'id', atd: 'id', atd_rescaled: 'id', neglabel: 'ood', combined: 'ood' } as const;
    const found = calibrated(serving, { scores: { ...base, neglabel: 0.2 }, decisions }, 2);
    assert.deepEqual([found.decision, found.band, found.pValue], ['id', 'uncertain', 22 / 41]);
  });

  it('other negative labels make it stale, and one by another score not', () => {
    const stored = made({ images: images(40, byLabels), choices: { score: 'neglabel' } });
    const other = { ...head, negatives: 'other' };
    assert.equal(servingCalibration(stored, other).stale, 'negatives');
    assert.equal(servingCalibration(stored, { model: 'm', classes: 'c' }).stale, 'negatives');
    const plain = made({ choices: { score: 'atd' } }, stored, other);
    assert.deepEqual([servingCalibration(plain, other).stale, plain.scores.neglabel], [undefined, undefined]);
    assert.equal(servingCalibration(made({ choices: { score: 'atd' } }, stored), other).stale, undefined);
  });

  it('a score that not all images have is refused', () => {
    assert.throws(
      () => made({ images: images(40), choices: { score: 'neglabel' } }),
      (e) => code(e) === 'no_negatives',
    );
    const stored = made({ images: images(40, byLabels) });
    assert.equal(made({ choices: { score: 'combined' } }, stored).scores.combined?.length, 40);
    assert.throws(
      () => made({ choices: { score: 'csp' } }, stored),
      (e) => code(e) === 'no_negatives',
    );
    const mixed = made({ images: images(40, undefined, 100), add: true }, stored);
    assert.deepEqual([mixed.images.length, mixed.scores.neglabel], [80, undefined]);
    const other = { ...head, negatives: 'other' };
    const again = { images: images(40, byLabels, 100), add: true, choices: { score: 'neglabel' as const } };
    assert.throws(
      () => made(again, stored, other),
      (e) => code(e) === 'no_negatives',
    );
  });

  it('an archive without the chosen score, or with too few of another, is damaged', () => {
    const calibration = made({ images: images(40, byLabels), choices: { score: 'neglabel' } });
    assert.equal(faultOfState({ calibration }), undefined);
    const { neglabel, ...scores } = calibration.scores;
    assert.match(String(faultOfState({ calibration: { ...calibration, scores } })), /one score for each image/);
    const short = { ...calibration.scores, combined: neglabel?.slice(1) ?? [] };
    assert.match(String(faultOfState({ calibration: { ...calibration, scores: short } })), /one score for each image/);
  });
});

describe('definitions with negative labels', () => {
  const definition = (more: Partial<TenantDefinition>): TenantDefinition => ({ classes: ['a', 'b'], ...more });

  it('a rule by negative labels needs them, and csp the pool', () => {
    const check = (more: Partial<TenantDefinition>) => checkDefinition(definition(more), { maxClasses: 10 });
    for (const method of ['neglabel', 'csp', 'combined'] as const)
      assert.throws(() => check({ method }), /needs negative labels: add "negatives": \{\} to the tenant/);
    assert.throws(() => check({ method: 'csp', negatives: {} }), /needs the conjugated pool: set "pool": true/);
    for (const method of ['neglabel', 'combined', 'atd', 'calibrated'] as const) check({ method, negatives: {} });
    check({ method: 'csp', negatives: { pool: true } });
  });

  it('a request that names such a rule gets it or no_negatives', () => {
    const serving = { method: 'atd', uncalibratedMethod: 'atd', calibration: undefined } as const;
    assert.throws(
      () => requestedRule(serving, 'combined'),
      (e) => code(e) === 'no_negatives',
    );
    assert.equal(requestedRule({ ...serving, negatives: {} }, 'combined'), 'combined');
    assert.throws(
      () => requestedRule({ ...serving, negatives: {} }, 'csp'),
      (e) => code(e) === 'no_negatives',
    );
    assert.equal(requestedRule(serving, undefined), 'atd');
  });

  it('the canonical text of other definitions stays, and defaults mean the same as their absence', () => {
    assert.equal(canonical(definition({})), '[["a","b"],null,null,null,[null,null]]');
    const texts = [{}, { labels: 10_000 }, { quantile: 0.95, groups: 100, pool: false }].map((negatives) =>
      canonical(definition({ negatives })),
    );
    assert.equal(new Set(texts).size, 1);
    assert.notEqual(canonical(definition({ negatives: { pool: true } })), texts[0]);
  });
});
