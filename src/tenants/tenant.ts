import type { Method } from '../clipn/index.ts';
import type { BuildProgress } from './progress.ts';
import type { TenantRecord } from './record.ts';

export type TenantState = 'ready' | 'building' | 'failed' | 'cancelled';

/** What detection needs of a tenant at one moment: stays valid while its request lasts, even if the tenant changes meanwhile. */
export interface Serving {
  headId: string;
  version: number;
  classes: readonly string[];
  method: Method;
  /** What its features were made with. */
  model: { name: string; version: string };
}

/** A tenant as the outside sees it. */
export interface TenantView {
  record: TenantRecord;
  etag: string;
  state: TenantState;
  /** The version that answers detections now; undefined before the first is whole. */
  servingVersion: number | undefined;
  progress: BuildProgress;
  /** Public reason of the last failed build. */
  failure: string | undefined;
}

/** One tenant in memory: the stored definition, what serves, and the build under way. */
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
