import { createHash } from 'node:crypto';
import { defined } from '../defined.ts';
import type { Pins } from '../tenants/calibration/serving.ts';
import type { CaptureRules } from '../tenants/capture-rules.ts';
import type { Observed, Reason, RecordedVerdict } from './capture-record.ts';

/** Identifies classes, templates and model of a verdict. */
export const featuresOf = ({ model, classes }: Pins): string =>
  createHash('sha256').update(`${model} ${classes}`).digest('hex').slice(0, 16);

/** The facts of a verdict that are kept with the image and with its label. */
export function verdictOf({ detection, calibrated, rule, decision, serving }: Observed): RecordedVerdict {
  const { decisions, scores, index, probability, noProbability, oodProbability } = detection;
  return {
    tenant_version: serving.version,
    model: serving.model,
    features: featuresOf(serving.pins),
    ...defined({ negatives: serving.pins.negatives }),
    method: rule,
    decision,
    decisions,
    scores,
    ...defined({ band: calibrated?.band, p_value: calibrated?.pValue }),
    prediction: { class: serving.classes[index] ?? String(index), probability },
    no_probability: noProbability,
    ood_probability: oodProbability,
  };
}

/** The reason for which an image with this verdict may be kept. */
export function reasonOf({
  decisions,
  decision,
  band,
}: Pick<RecordedVerdict, 'decisions' | 'decision' | 'band'>): Reason {
  if (band === 'uncertain') return 'uncertain';
  const all = Object.values(decisions);
  if (all.some((d) => d !== all[0])) return 'disagreeing';
  return decision === 'ood' ? 'out' : 'rest';
}

/**
 * The group of verdicts that a verdict is counted in: its features, its reason, and the decision of every rule. Within a group
 * all images have the same probability but for the quota.
 */
export function stratumOf(verdict: Pick<RecordedVerdict, 'decisions' | 'decision' | 'band' | 'features'>): string {
  const pattern = Object.entries(verdict.decisions)
    .map(([rule, decision]) => `${rule}=${decision}`)
    .sort();
  return [verdict.features, reasonOf(verdict), ...pattern].join(' ');
}

/** The share of the images with this reason that the rules ask for. */
export const shareOf = (rules: Required<CaptureRules>, reason: Reason): number => rules[reason];
