import type { FreeRule, Rule } from '../clipn/index.ts';
import type { Pins, ServingCalibration } from './calibration/serving.ts';
import type { Negatives } from './negatives/settings.ts';
import type { BuildProgress } from './progress.ts';
import type { TenantRecord } from './record.ts';

export type TenantState = 'ready' | 'building' | 'failed' | 'cancelled';

/** A tenant's serving version. It stays valid during a request, even if the tenant changes in the meantime. */
export interface Serving {
  headId: string;
  version: number;
  classes: readonly string[];
  /** The rule of the definition, or the service's own; see `standingRule` for the one that decides. */
  method: Rule;
  /** The rule without a threshold that decides while a calibration does not apply. */
  uncalibratedMethod: FreeRule;
  /** The model that made its features. */
  model: { name: string; version: string };
  /** Everything that the scores of this version depend on. */
  pins: Pins;
  calibration: ServingCalibration | undefined;
  /** The settings of its negative labels; undefined without them. */
  negatives?: Negatives | undefined;
  /** The word list by index, for names of words; undefined without negative labels. */
  words?: readonly string[] | undefined;
}

/** A tenant as clients see it. */
export interface TenantView {
  record: TenantRecord;
  etag: string;
  state: TenantState;
  /** The version that answers detections now; undefined until the first one is complete. */
  servingVersion: number | undefined;
  progress: BuildProgress;
  /** Public reason of the last failed build. */
  failure: string | undefined;
}

/** One tenant in memory: the stored definition, the serving version, and the build in progress. */
export interface Tenant {
  record: TenantRecord;
  etag: string;
  serving?: Serving;
  progress: BuildProgress;
  failure?: string;
  build?: { abort: AbortController; done: Promise<void> };
  retry?: NodeJS.Timeout;
}

export function viewOf({ record, etag, serving, progress, failure }: Tenant): TenantView {
  const state: TenantState =
    serving?.version === record.version
      ? 'ready'
      : record.cancelled
        ? 'cancelled'
        : failure !== undefined
          ? 'failed'
          : 'building';
  return {
    record,
    etag,
    state,
    servingVersion: serving?.version,
    progress,
    failure: state === 'failed' ? failure : undefined,
  };
}
