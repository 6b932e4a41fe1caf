import {
  type AnyScore,
  ascending,
  type KeptShare,
  keptLeaveOneOut,
  keptShare,
  thresholdOf,
} from '../../clipn/index.ts';
import type { StoredCalibration } from './stored.ts';

/** Figures that follow from a stored calibration, for people. */
export interface CalibrationReport {
  score: AnyScore;
  images: number;
  threshold: number;
  certainThreshold: number | undefined;
  kept: KeptShare;
  leaveOneOut: { kept: number; share: number };
}

export function calibrationReport({ scores, score, keep, certain_keep }: StoredCalibration): CalibrationReport {
  const sorted = ascending(scores[score] ?? []);
  const kept = keptLeaveOneOut(sorted, keep);
  return {
    score,
    images: sorted.length,
    threshold: thresholdOf(sorted, keep),
    certainThreshold: certain_keep === undefined ? undefined : thresholdOf(sorted, certain_keep),
    kept: keptShare(sorted.length, keep),
    leaveOneOut: { kept, share: kept / sorted.length },
  };
}
