import { decisionOf, type ScoreName } from '../../clipn/index.ts';
import type { BatchRule } from '../config/schema.ts';
import type { ServingMethod } from '../seams.ts';
import type { AuditImage, AuditRecord } from './record.ts';

/** Changes to the rules. A field that is undefined means no change. */
export interface WhatIf {
  /** Another of the threshold-free rules. */
  method?: ServingMethod;
  /** A score with a threshold instead of a rule: OOD below it. */
  score?: { name: ScoreName; threshold: number };
  batch?: BatchRule;
  tenant?: string;
}

export interface Tally {
  requests: number;
  images: number;
  /** Images without a verdict; they are in no other count. */
  failed: number;
  ood: { was: number; would: number };
  /** Requests with the verdict "ood", which enforce would have refused. */
  rejected: { was: number; would: number };
  /** Images whose decision changes, by direction. */
  id_to_ood: number;
  ood_to_id: number;
}

const empty = (): Tally => ({
  requests: 0,
  images: 0,
  failed: 0,
  ood: { was: 0, would: 0 },
  rejected: { was: 0, would: 0 },
  id_to_ood: 0,
  ood_to_id: 0,
});

/** The decision under other rules, from the stored scores and the decisions of all three rules. */
export function wouldDecide(image: AuditImage, { method, score }: WhatIf): 'id' | 'ood' | undefined {
  if (image.decision === undefined || !image.scores || !image.decisions) return undefined;
  if (score) return image.scores[score.name] < score.threshold ? 'ood' : 'id';
  // a record from before the calibration has no such decision
  if (method === 'calibrated') return image.decisions.calibrated;
  return method ? decisionOf(image.decisions, method) : image.decision;
}

/** Whether enforce would have refused the request. */
function rejected(record: AuditRecord, batch: BatchRule, decide: (image: AuditImage) => string | undefined): boolean {
  const ood = new Set(record.images.filter((image) => decide(image) === 'ood').map(({ instance }) => instance));
  if (ood.size === 0) return false;
  return ood.size === record.instances || batch === 'any' || (batch === 'filter' && !record.filterable);
}

/** Counts decisions over audit records under other rules, in total and per tenant. */
export class Replay {
  readonly #whatIf: WhatIf;
  readonly total = empty();
  readonly tenants = new Map<string, Tally>();

  constructor(whatIf: WhatIf) {
    this.#whatIf = whatIf;
  }

  add(record: AuditRecord): void {
    const { tenant, batch = record.batch } = this.#whatIf;
    if (tenant !== undefined && record.tenant !== tenant) return;
    const own = this.tenants.get(record.tenant) ?? empty();
    this.tenants.set(record.tenant, own);
    for (const tally of [this.total, own]) {
      tally.requests++;
      if (rejected(record, record.batch, ({ decision }) => decision)) tally.rejected.was++;
      if (rejected(record, batch, (image) => wouldDecide(image, this.#whatIf))) tally.rejected.would++;
      for (const image of record.images) {
        tally.images++;
        const would = wouldDecide(image, this.#whatIf);
        if (would === undefined) {
          tally.failed++;
          continue;
        }
        if (image.decision === 'ood') tally.ood.was++;
        if (would === 'ood') tally.ood.would++;
        if (image.decision === 'id' && would === 'ood') tally.id_to_ood++;
        if (image.decision === 'ood' && would === 'id') tally.ood_to_id++;
      }
    }
  }
}
