import { type Static, Type } from 'typebox';
import type { DriftReport } from '../../drift/index.ts';

const Share = Type.Object(
  { value: Type.Number(), low: Type.Number(), high: Type.Number() },
  { title: 'DriftShare', description: 'With its 95 % confidence interval, by Wilson.' },
);

const Index = Type.Object(
  {
    value: Type.Number({ description: 'Population stability index: below 0.1 stable, above 0.25 a shift.' }),
    of_chance: Type.Number({ description: 'Average value for this number of images if nothing had changed.' }),
  },
  { title: 'DriftIndex' },
);

export const DriftReply = Type.Object(
  {
    tenant: Type.String(),
    window_seconds: Type.Number(),
    images: Type.Integer({ description: 'Verdicts in the window.' }),
    ood_rate: Share,
    baseline: Type.Union([
      Type.Object(
        {
          pinned_at: Type.String(),
          tenant_version: Type.Integer({ description: 'A class list that changed later appears as drift too.' }),
          images: Type.Integer(),
          ood_rate: Share,
        },
        { title: 'DriftBaseline' },
      ),
      Type.Null(),
    ]),
    psi: Type.Union(
      [Type.Object({ no_probability: Index, predicted_class: Index }, { title: 'DriftIndices' }), Type.Null()],
      {
        description: 'Null without a baseline, or with fewer than 200 images on either side.',
      },
    ),
    verdict: Type.Union(
      [
        Type.Literal('no_baseline'),
        Type.Literal('few_images'),
        Type.Literal('stable'),
        Type.Literal('moderate'),
        Type.Literal('shifted'),
      ],
      {
        title: 'DriftVerdict',
        description:
          'shifted: an index exceeds chance by more than 0.25, or the intervals of the OOD rates do not overlap. moderate: by more than 0.1.',
      },
    ),
  },
  { title: 'DriftReport' },
);
export type DriftReply = Static<typeof DriftReply>;

export function toDriftReply(tenant: string, windowMs: number, report: DriftReport): DriftReply {
  const { images, oodRate, baseline, psi, verdict } = report;
  const index = ({ value, ofChance }: { value: number; ofChance: number }) => ({ value, of_chance: ofChance });
  return {
    tenant,
    window_seconds: windowMs / 1000,
    images,
    ood_rate: oodRate,
    baseline: baseline
      ? {
          pinned_at: baseline.pinnedAt,
          tenant_version: baseline.tenantVersion,
          images: baseline.images,
          ood_rate: baseline.oodRate,
        }
      : null,
    psi: psi ? { no_probability: index(psi.noProbability), predicted_class: index(psi.predictedClass) } : null,
    verdict,
  };
}
