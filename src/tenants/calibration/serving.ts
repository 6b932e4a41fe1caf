import {
  ascending,
  type Decision,
  type Decisions,
  decisionOf,
  type Method,
  pValue,
  type ScoreName,
  type Scores,
  thresholdOf,
} from '../../clipn/index.ts';
import type { StoredCalibration } from './stored.ts';

export type Band = 'in' | 'uncertain' | 'out';

/** Everything that the scores of a tenant depend on: the model, and the class list with its templates. */
export interface Pins {
  model: string;
  classes: string;
}

/** A calibration beside the head of a tenant's serving version. */
export interface ServingCalibration {
  /** The version of the tenant that it began with. */
  version: number;
  score: ScoreName;
  /** The calibration's scores, ascending. */
  sorted: Float64Array;
  threshold: number;
  /** The threshold of `certain_keep`. */
  certain: number | undefined;
  /** The change since then by which the scores of its images no longer hold; undefined while it applies. */
  stale: 'model' | 'classes' | undefined;
}

/** The result of a calibration for one image. */
export interface Calibrated {
  decision: Decision;
  pValue: number;
  band: Band;
}

/** @param pins those of the head that serves */
export function servingCalibration(stored: StoredCalibration, pins: Pins): ServingCalibration {
  const sorted = ascending(stored.scores[stored.score]);
  const { keep, certain_keep: certainKeep } = stored;
  return {
    version: stored.version,
    score: stored.score,
    sorted,
    threshold: thresholdOf(sorted, keep),
    certain: certainKeep === undefined ? undefined : thresholdOf(sorted, certainKeep),
    stale: stored.model.id !== pins.model ? 'model' : stored.classes !== pins.classes ? 'classes' : undefined,
  };
}

/** The rule without a threshold that the calibrated one is compared with. ATD never rejects an image of a single class. */
function besideOf(score: ScoreName, classes: number): Method {
  if (score === 'ctw') return 'ctw';
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
  const value = scores[score];
  const decision = value < threshold ? 'ood' : 'id';
  const other = decisionOf(decisions, besideOf(score, classes));
  const agreed = certain === undefined ? decision === other : decision === 'ood' || value >= certain;
  return {
    decision,
    pValue: pValue(sorted, value),
    band: !agreed ? 'uncertain' : decision === 'id' ? 'in' : 'out',
  };
}
