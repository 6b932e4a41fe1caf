import type { Detection } from '../engine/index.ts';
import { type Calibrated, calibrated } from '../tenants/calibration/serving.ts';
import type { Serving } from '../tenants/tenant.ts';

/** A detection with the decision of the tenant's calibration in `decisions`, and what else it says. */
export interface CalibratedDetection {
  detection: Detection;
  calibrated?: Calibrated;
}

/** Adds the calibrated decision, for other readings of the file as well; the detection itself without a calibration that applies. */
export function withCalibration(
  detection: Detection,
  { calibration, classes = [] }: Partial<Pick<Serving, 'calibration' | 'classes'>>,
): CalibratedDetection {
  if (!calibration || calibration.stale) return { detection };
  const decided = <T extends Pick<Detection, 'scores' | 'decisions'>>(of: T) => {
    const found = calibrated(calibration, of, classes.length);
    return { found, of: { ...of, decisions: { ...of.decisions, calibrated: found.decision } } };
  };
  const { found, of } = decided(detection);
  const others = detection.otherReadings?.map((other) => decided(other).of);
  return { detection: others ? { ...of, otherReadings: others } : of, calibrated: found };
}
