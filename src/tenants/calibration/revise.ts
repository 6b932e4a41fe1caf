import type { ChangeOptions } from '../changes.ts';
import { recalibrated } from '../next-record.ts';
import type { PutResult, TenantRegistry } from '../registry.ts';
import type { Serving } from '../tenant.ts';
import { nextCalibration } from './change.ts';
import type { CalibrationChange } from './make.ts';

/**
 * Stores a calibration; it begins with the next version, whose features are those of this one.
 * @param options.by the version that scored the images; undefined without images
 * @throws ServiceError tenant_not_found, calibration_too_small, calibration_stale, and as `TenantRegistry.put`
 */
export function calibrate(
  tenants: TenantRegistry,
  id: string,
  change: CalibrationChange,
  { by, ...options }: { by: Serving | undefined; waitMs: number } & ChangeOptions,
): Promise<PutResult> {
  return tenants.revise(id, options, (old, { model }) =>
    recalibrated(old, nextCalibration(old, change, { by, model })),
  );
}

/** Removes the calibration; nothing changes for a tenant without one. @throws ServiceError tenant_not_found, and as `TenantRegistry.put` */
export function uncalibrate(
  tenants: TenantRegistry,
  id: string,
  options: { waitMs: number } & ChangeOptions,
): Promise<PutResult> {
  return tenants.revise(id, options, (old) => (old.calibration ? recalibrated(old, undefined) : old));
}
