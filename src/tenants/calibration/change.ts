import { ServiceError } from '../../errors/index.ts';
import { pinsOf, type TenantModel } from '../heads.ts';
import type { TenantRecord } from '../record.ts';
import type { Serving } from '../tenant.ts';
import { type CalibrationChange, madeCalibration } from './make.ts';
import { type Pins, type Stale, servingCalibration } from './serving.ts';
import type { StoredCalibration } from './stored.ts';

/** A calibration, and what makes it stale. */
export interface CalibrationState {
  stored: StoredCalibration;
  stale: Stale | undefined;
}

/** @param pins those of the newest version with the current model */
export function calibrationOf({ calibration }: TenantRecord, pins: Pins): CalibrationState | undefined {
  return calibration && { stored: calibration, stale: servingCalibration(calibration, pins).stale };
}

/**
 * The calibration that follows that of `old`.
 * @throws ServiceError tenant_conflict if the version that scored the images is no longer the newest, and as `madeCalibration`
 */
export function nextCalibration(
  old: TenantRecord,
  change: CalibrationChange,
  { by, model }: { by: Serving | undefined; model: TenantModel },
): StoredCalibration {
  const pins = pinsOf(model, old);
  const same = (['model', 'classes', 'negatives'] as const).every((pin) => by?.pins[pin] === pins[pin]);
  if (by && !same) {
    throw new ServiceError(
      'tenant_conflict',
      'The classes or the model have changed since the images were judged, or the features of the newest classes are not ready. Try again.',
      { retryAfterSeconds: 1 },
    );
  }
  const { name, version } = model.bundle;
  return madeCalibration(old.calibration, change, { ...pins, name, version }, old.version + 1);
}
