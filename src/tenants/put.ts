import type { ArchivedState } from './archived-state.ts';
import type { ChangeOptions } from './changes.ts';
import type { TenantModel } from './heads.ts';
import type { Change } from './next-record.ts';
import type { TenantRecord } from './record.ts';
import type { TenantView } from './tenant.ts';

export interface PutOptions extends ChangeOptions {
  /** Longest wait for the features, milliseconds. */
  waitMs: number;
  /** File of the watched directory that makes the change; undefined for the API. */
  source?: string;
  /** Origin of imported features in the cache; null for none, which also drops an earlier origin. */
  imported?: string | null;
  /** Calibration and examples of an imported file. */
  state?: ArchivedState;
}

/** The current model, and the record that follows the present one. */
export interface Revision {
  model: TenantModel;
  next(change: Omit<Change, 'id'>): TenantRecord;
}

export interface PutResult {
  created: boolean;
  changed: boolean;
  view: TenantView;
}
