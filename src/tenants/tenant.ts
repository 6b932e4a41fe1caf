import type { Method } from '../clipn/index.ts';
import type { TenantRecord } from './definition.ts';

export type TenantState = 'ready' | 'building' | 'failed';

/** What detection needs of a tenant at one moment: stays valid while its request lasts, even if the tenant changes meanwhile. */
export interface Serving {
  headId: string;
  version: number;
  classes: readonly string[];
  method: Method;
}

export interface Progress {
  done: number;
  total: number;
}

/** A tenant as the outside sees it. */
export interface TenantView {
  record: TenantRecord;
  etag: string;
  state: TenantState;
  /** The version that answers detections now; undefined before the first is whole. */
  servingVersion: number | undefined;
  /** Texts encoded and in all, both towers together. */
  progress: Progress;
  /** Public reason of the last failed build. */
  failure: string | undefined;
}

/** One tenant in memory: the stored definition, what serves, and the build under way. */
export interface Tenant {
  record: TenantRecord;
  serving?: Serving;
  progress: Progress;
  failure?: string;
  build?: { abort: AbortController; done: Promise<void> };
  retry?: NodeJS.Timeout;
}
