import { defined } from '../defined.ts';
import type { StoredCalibration } from './calibration/stored.ts';
import type { TenantDefinition } from './definition.ts';
import type { StoredExamples } from './examples/stored.ts';
import type { TenantRecord } from './record.ts';

/** The contents of a change: the definition, and where it comes from. */
export interface Change {
  id: string;
  definition: TenantDefinition;
  source?: string | undefined;
  imported?: string | undefined;
  /** That of an imported file, or of the version to which a rollback returns; otherwise the one so far stays. */
  calibration?: StoredCalibration | undefined;
  /** Those so far if undefined. */
  examples?: StoredExamples | undefined;
}

/** A first record of a tenant, as of now. */
export function recordOf(id: string, definition: TenantDefinition, version: number): TenantRecord {
  const now = new Date().toISOString();
  return { id, version, created_at: now, updated_at: now, definition };
}

/**
 * The record that follows `old`.
 * @param version highest version of the tenant so far, removed ones included
 * @param complete whether the features of `old` are complete: only then can a rollback lead to it
 */
export function nextRecord(
  { id, definition, source, imported, calibration, examples }: Change,
  old: TenantRecord | undefined,
  { version, complete }: { version: number; complete: boolean },
): TenantRecord {
  const next: TenantRecord = { ...recordOf(id, definition, version + 1), ...defined({ source, imported }) };
  if (!old) return { ...next, ...defined({ calibration, examples }) };
  const previous = complete
    ? {
        version: old.version,
        definition: old.definition,
        ...defined({ imported: old.imported, calibration: old.calibration, examples: old.examples }),
      }
    : old.previous;
  return {
    ...next,
    created_at: old.created_at,
    ...defined({ previous, calibration: calibration ?? old.calibration, examples: examples ?? old.examples }),
  };
}

/**
 * The record that follows `old` if only its calibration changes. A rollback leads to the version that it would have led to before.
 * @param calibration undefined for none
 */
export function recalibrated(old: TenantRecord, calibration: StoredCalibration | undefined): TenantRecord {
  const { calibration: _, ...rest } = old;
  return {
    ...rest,
    version: old.version + 1,
    updated_at: new Date().toISOString(),
    ...defined({ calibration }),
  };
}
