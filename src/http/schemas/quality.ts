import { type Static, Type } from 'typebox';
import type { Rate } from '../../labels/index.ts';
import type { QualityReport } from '../../serving/quality-reports.ts';

const RateSchema = Type.Union(
  [
    Type.Object({
      value: Type.Number({ description: 'Corrected for the probabilities with which the images were drawn.' }),
      low: Type.Number(),
      high: Type.Number({ description: '95 % interval by Wilson, with the effective number of images.' }),
      labelled: Type.Integer({ description: 'Labelled images that the share is about.' }),
      errors: Type.Integer({ description: 'Those of them that are errors, without weights.' }),
      effective: Type.Number({ description: 'Number of equally weighted images that would be as precise.' }),
    }),
    Type.Null(),
  ],
  { description: 'Null without a label of the kind.' },
);

export const QualityReply = Type.Object(
  {
    tenant: Type.String(),
    tenant_version: Type.Integer(),
    model: Type.Object({ name: Type.String(), version: Type.String() }),
    since: Type.Union([Type.String(), Type.Null()], {
      description: 'First counted verdict with this model, these classes and templates.',
    }),
    verdicts: Type.Integer({ description: 'Verdicts since then.' }),
    covered: Type.Number({
      description: 'Share of these verdicts that are in a group with a label. The rates hold for them.',
    }),
    labels: Type.Object({ class: Type.Integer(), none: Type.Integer(), unsure: Type.Integer() }),
    rules: Type.Record(Type.String(), Type.Object({ false_refusals: RateSchema, false_acceptances: RateSchema }), {
      description:
        'By rule. false_refusals: share of the images of the classes that it refuses. false_acceptances: share of the images of none of the classes that it accepts. ' +
        'For rules that need negative labels, labels count whose verdict had the present ones.',
    }),
    wrong_class: RateSchema,
  },
  { title: 'QualityReport' },
);
export type QualityReply = Static<typeof QualityReply>;

export function toQualityReply(tenant: string, report: QualityReport): QualityReply {
  const { tenantVersion, model, since, verdicts, covered, labels, rules, wrongClass } = report;
  const named = Object.entries(rules).map(([rule, { falseRefusals, falseAcceptances }]) => [
    rule,
    { false_refusals: toRateReply(falseRefusals), false_acceptances: toRateReply(falseAcceptances) },
  ]);
  return {
    tenant,
    tenant_version: tenantVersion,
    model,
    since,
    verdicts,
    covered,
    labels,
    rules: Object.fromEntries(named),
    wrong_class: toRateReply(wrongClass),
  };
}

export const toRateReply = (rate: Rate | null) => rate && { ...rate };
