import {
  type AnyScore,
  ascending,
  type Decision,
  type Decisions,
  decisionOf,
  type FreeRule,
  MORE_SCORES,
  pValue,
  type Scores,
  thresholdOf,
} from '../../clipn/index.ts';
import type { StoredCalibration } from './stored.ts';

export type Band = 'in' | 'uncertain' | 'out';

/** Everything that the scores of a tenant depend on: the model, the class list with its templates, and the negative labels. */
export interface Pins {
  model: string;
  classes: string;
  /** The settings of the negative labels and the word list; undefined without negative labels. */
  negatives?: string;
}

/** Why the scores of a calibration no longer hold. */
export type Stale = 'model' | 'classes' | 'negatives';

/** A calibration beside the head of a tenant's serving version. */
export interface ServingCalibration {
  /** The version of the tenant that it began with. */
  version: number;
  score: AnyScore;
  /** The calibration's scores, ascending. */
  sorted: Float64Array;
  threshold: number;
  /** The threshold of `certain_keep`. */
  certain: number | undefined;
  /** The change since then by which the scores of its images no longer hold; undefined while it applies. */
  stale: Stale | undefined;
}

/** The result of a calibration for one image. */
export interface Calibrated {
  decision: Decision;
  pValue: number;
  band: Band;
}

/** @param pins those of the head that serves */
export function servingCalibration(stored: StoredCalibration, pins: Pins): ServingCalibration {
  const sorted = ascending(stored.scores[stored.score] ?? []);
  const { keep, certain_keep: certainKeep } = stored;
  return {
    version: stored.version,
    score: stored.score,
    sorted,
    threshold: thresholdOf(sorted, keep),
    certain: certainKeep === undefined ? undefined : thresholdOf(sorted, certainKeep),
    stale: staleBecause(stored, pins),
  };
}

/** The scores of every image do not depend on negative labels. */
function staleBecause(stored: StoredCalibration, pins: Pins): Stale | undefined {
  if (stored.model.id !== pins.model) return 'model';
  if (stored.classes !== pins.classes) return 'classes';
  return dependsOnNegatives(stored.score) && stored.negatives !== pins.negatives ? 'negatives' : undefined;
}

/** Whether only tenants with negative labels have the score. */
export const dependsOnNegatives = (score: AnyScore): boolean => MORE_SCORES.some((name) => name === score);

/** The rule without a threshold that the calibrated one is compared with. ATD never rejects an image of a single class. */
function besideOf(score: AnyScore, classes: number): FreeRule {
  if (score === 'ctw' || score === 'neglabel' || score === 'csp') return score;
  return classes === 1 ? 'atd-rescaled' : 'atd';
}

/**
 * Decision, p-value and band of one image. With two thresholds the band says between which of them the score is; with one, both rules must
 * agree for `in` and `out`.
 */
export function calibrated(
  { score, sorted, threshold, certain }: ServingCalibration,
  { scores, decisions }: { scores: Scores; decisions: Decisions },
  classes: number,
): Calibrated {
  const value = scores[score] ?? Number.NaN;
  const decision = value < threshold ? 'ood' : 'id';
  const other = decisionOf(decisions, besideOf(score, classes));
  const agreed = certain === undefined ? decision === other : decision === 'ood' || value >= certain;
  return {
    decision,
    pValue: pValue(sorted, value),
    band: !agreed ? 'uncertain' : decision === 'id' ? 'in' : 'out',
  };
}
