import type { AuditImage, AuditRecord } from '../../gate/audit/record.ts';
import { type WhatIf, wouldDecide } from '../../gate/audit/replay.ts';
import type { LabelView } from '../../http/schemas/label.ts';
import { type Label, type LabelRecord, type Quality, quality, type RuleDecisions } from '../../labels/index.ts';

/** Labels of a tenant, by the SHA-256 of the image. */
export type LabelsOf = (tenant: string) => Promise<ReadonlyMap<string, LabelView>>;

/** Error rates of every rule on the labelled images of a trail, and the decisions of the rules on all of its images. */
export interface LabelledReport extends Quality {
  /** Images that the rule would have refused, with a label or without. */
  ood: Record<string, number>;
}

interface Stratum {
  verdicts: number;
  since: string;
}

/** A labelled image with its verdict in the trail. */
interface Unit {
  label: LabelView;
  image: AuditImage;
  stratum: string;
  /** Number of verdicts on it in the trail. */
  verdicts: number;
}

interface Tenant {
  strata: Map<string, Stratum>;
  units: Map<string, Unit>;
  ood: Record<string, number>;
}

/**
 * Tells for each rule whether it would have been right, by the labels of images in an audit trail. The trail has all verdicts, so it is
 * the population that `quality` corrects for: each group of images with equal decisions has its share of the trail. Within a group an image has
 * the weight of its draw, which its label keeps; a label of an image that was not kept has the number of its verdicts in the trail.
 */
export class LabelledReplay {
  readonly #whatIf: WhatIf;
  readonly #labelsOf: LabelsOf;
  readonly #tenants = new Map<string, Tenant>();

  constructor(whatIf: WhatIf, labelsOf: LabelsOf) {
    this.#whatIf = whatIf;
    this.#labelsOf = labelsOf;
  }

  async add(record: AuditRecord): Promise<void> {
    if (this.#whatIf.tenant !== undefined && record.tenant !== this.#whatIf.tenant) return;
    const own: Tenant = this.#tenants.get(record.tenant) ?? { strata: new Map(), units: new Map(), ood: {} };
    this.#tenants.set(record.tenant, own);
    const labels = await this.#labelsOf(record.tenant);
    for (const image of record.images) {
      if (image.decision === undefined || !image.decisions) continue;
      const stratum = stratumOf(record, image);
      const counted = own.strata.get(stratum) ?? { verdicts: 0, since: record.time };
      counted.verdicts++;
      own.strata.set(stratum, counted);
      for (const [rule, decision] of Object.entries(this.#decisions(image)))
        own.ood[rule] = (own.ood[rule] ?? 0) + (decision === 'ood' ? 1 : 0);
      const label = labels.get(image.sha256 ?? '');
      if (!label) continue;
      const key = `${stratum} ${image.sha256}`;
      const unit = own.units.get(key) ?? { label, image, stratum, verdicts: 0 };
      unit.verdicts++;
      own.units.set(key, unit);
    }
  }

  /** By tenant. */
  reports(): Map<string, LabelledReport> {
    return new Map([...this.#tenants].map(([tenant, own]) => [tenant, this.#report(tenant, own)]));
  }

  #report(tenant: string, { strata, units, ood }: Tenant): LabelledReport {
    const decisions = new Map<LabelRecord['verdict'], RuleDecisions>();
    const labels = [...units.values()].map((unit) => {
      const record = recordOf(tenant, unit);
      decisions.set(record.verdict, this.#decisions(unit.image));
      return record;
    });
    const decide = (verdict: LabelRecord['verdict']) => decisions.get(verdict) ?? {};
    return { ...quality({ features: tenant, labels, population: strata, decide }), ood };
  }

  /** `decided` is the decision as it was made, `would` that of a score with a threshold. */
  #decisions(image: AuditImage): RuleDecisions {
    const { decision, decisions } = image;
    const would = this.#whatIf.score && wouldDecide(image, this.#whatIf);
    return { ...(decision && { decided: decision }), ...decisions, ...(would && { would }) };
  }
}

/** Group of verdicts of one tenant with one model, between which no rule distinguishes. */
function stratumOf({ tenant, bundle }: AuditRecord, { band, decision, decisions }: AuditImage): string {
  const pattern = Object.entries(decisions ?? {}).map(([rule, decided]) => `${rule}=${decided}`);
  return [tenant, bundle, band, decision, ...pattern.sort()].join(' ');
}

function recordOf(tenant: string, { label: view, image, stratum, verdicts }: Unit): LabelRecord {
  const label: Label = view.kind === 'class' ? { kind: 'class', class: view.label } : { kind: view.kind };
  return {
    key: view.sha256,
    label,
    by: view.by,
    at: view.at,
    verdict: {
      captured_at: view.at,
      tenant_version: 0,
      model: { name: '', version: '' },
      features: tenant,
      decisions: image.decisions as NonNullable<AuditImage['decisions']>,
      scores: image.scores as NonNullable<AuditImage['scores']>,
      prediction: { class: image.class ?? '', probability: 0 },
      no_probability: image.no_probability ?? 0,
      ood_probability: image.ood_probability ?? 0,
      stratum,
      weight: view.verdict?.weight ?? verdicts,
    },
  };
}
