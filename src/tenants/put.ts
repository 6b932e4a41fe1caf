import type { ChangeOptions } from './changes.ts';
import type { TenantView } from './tenant.ts';

export interface PutOptions extends ChangeOptions {
  /** Longest wait for the features, milliseconds. */
  waitMs: number;
  /** File of the watched directory that makes the change; undefined for the API. */
  source?: string;
  /** Origin of imported features in the cache; null for none, which also drops an earlier origin. */
  imported?: string | null;
}

export interface PutOutcome {
  created: boolean;
  changed: boolean;
  view: TenantView;
}
