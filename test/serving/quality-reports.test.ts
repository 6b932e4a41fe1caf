import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { featuresOf } from '../../src/capture/index.ts';
import type { Scores } from '../../src/clipn/index.ts';
import { defined } from '../../src/defined.ts';
import { type LabelledVerdict, Labels } from '../../src/labels/index.ts';
import { QualityReports } from '../../src/serving/quality-reports.ts';
import type { Serving } from '../../src/tenants/tenant.ts';
import { fakeCapture, MemoryRecords } from '../helpers/capture.ts';

const PINS = { model: 'm', classes: 'c', negatives: 'present' };
const FEATURES = featuresOf(PINS);
const SCORES: Scores = { ctw: 0.9, atd: 0.9, msp: 0.9, max_logit: 0.9, energy: 0.9, mcm: 0.9 };

/** The verdict on an image of none of the classes, which some rules accept; `negatives` are the labels that it was made with. */
const verdict = (negatives: string | undefined, byNegatives: boolean): LabelledVerdict => ({
  captured_at: '2026-01-01T00:00:00Z',
  tenant_version: 1,
  model: { name: 'm', version: '1' },
  features: FEATURES,
  ...defined({ negatives }),
  decisions: { ctw: 'ood', atd: 'id', atd_rescaled: 'ood', ...(byNegatives && { neglabel: 'id', combined: 'ood' }) },
  scores: { ...SCORES, ...(byNegatives && { neglabel: 0.9 }) },
  prediction: { class: 'dog', probability: 0.9 },
  no_probability: 0.1,
  ood_probability: 0.1,
  stratum: `${FEATURES} group ${negatives}`,
  weight: 1,
});

/** Share of the images of none of the classes that each rule accepts, by a tenant with negative labels. */
async function accepted(verdicts: LabelledVerdict[], score?: 'atd' | 'neglabel') {
  const calibration = score && {
    version: 1,
    score,
    sorted: Float64Array.of(0.4, 0.5, 0.6),
    threshold: 0.5,
    certain: undefined,
    stale: undefined,
  };
  const serving: Serving = {
    headId: 'h',
    version: 1,
    classes: ['dog', 'cat'],
    method: 'combined',
    uncalibratedMethod: 'combined',
    model: { name: 'm', version: '1' },
    pins: PINS,
    calibration,
  };
  const labels = new Labels(new MemoryRecords());
  const at = '2026-01-02T00:00:00Z';
  await labels.put(
    'zoo',
    verdicts.map((v, i) => ({ key: String(i), label: { kind: 'none' }, by: 'test', at, verdict: v })),
  );
  const { population } = fakeCapture({ tenants: { definitionOf: () => undefined } });
  const tenants = { resolve: () => serving, definitionOf: () => undefined };
  const { rules } = await new QualityReports({ labels, population, tenants }).of('zoo');
  return Object.fromEntries(Object.entries(rules).map(([rule, r]) => [rule, r.falseAcceptances?.labelled]));
}

describe('error rates of a tenant with negative labels', () => {
  it('rules by negative labels have a rate, from verdicts with the present negative labels', async () => {
    const verdicts = [
      verdict('present', true),
      verdict('present', true),
      verdict('other', true),
      verdict(undefined, false),
    ];
    assert.deepEqual(await accepted(verdicts), { ctw: 4, atd: 4, atd_rescaled: 4, neglabel: 2, combined: 2 });
  });

  it('labels that were given before there were negative labels count for the other rules', async () => {
    assert.deepEqual(await accepted([verdict(undefined, false)]), { ctw: 1, atd: 1, atd_rescaled: 1 });
  });

  it('a calibration by a score of negative labels counts only where the verdict has this score', async () => {
    const verdicts = [verdict('present', true), verdict('other', true), verdict(undefined, false)];
    assert.equal((await accepted(verdicts, 'neglabel'))['calibrated'], 1);
    assert.equal((await accepted(verdicts, 'atd'))['calibrated'], 3);
  });
});
