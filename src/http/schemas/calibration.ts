import { type Static, Type } from 'typebox';
import { defined } from '../../defined.ts';
import type { CalibrationState } from '../../tenants/calibration/change.ts';
import { calibrationReport } from '../../tenants/calibration/report.ts';
import { Keep, ScoreSchema } from '../../tenants/calibration/stored.ts';
import { DetectJsonBody, StaleBecause } from './detect.ts';

const keep = Type.Unsafe<number>({
  ...Keep,
  description: 'Share of the images of the classes that the threshold must keep; 0.95 if it was never chosen.',
});
const certainKeep = Type.Unsafe<number>({
  ...Keep,
  description: 'A smaller share than `keep`: images between the thresholds of both are `uncertain`.',
});
const score = Type.Unsafe<Static<typeof ScoreSchema>>({
  ...ScoreSchema,
  description: 'The score that the threshold is on; `atd` if it was never chosen.',
});

/** The choices of a request; those that it leaves out stay as they were. */
export const CalibrationQuery = Type.Object({
  keep: Type.Optional(keep),
  certain_keep: Type.Optional(certainKeep),
  score: Type.Optional(score),
  add: Type.Optional(
    Type.Boolean({
      description: 'Whether the images are added to those of the former calibration, instead of replacing them.',
    }),
  ),
});
export type CalibrationQuery = Static<typeof CalibrationQuery>;

/** The same in JSON, with images or without: then the images of the former calibration are used again. */
export const CalibrationJsonBody = Type.Object(
  { images: Type.Optional(DetectJsonBody.properties.images), ...CalibrationQuery.properties },
  { additionalProperties: false },
);
export type CalibrationJsonBody = Static<typeof CalibrationJsonBody>;

const State = {
  state: Type.Union([Type.Literal('current'), Type.Literal('stale')]),
  stale_because: Type.Optional(StaleBecause),
  version: Type.Integer({ description: 'The version of the tenant that it began with.' }),
  keep,
  certain_keep: Type.Optional(certainKeep),
  score,
  images: Type.Integer({ description: 'Different images.' }),
};

/** The calibration in the answer about its tenant. */
export const CalibrationSummary = Type.Object(State, { title: 'CalibrationSummary' });

export const CalibrationReply = Type.Object(
  {
    tenant: Type.String(),
    tenant_version: Type.Integer(),
    ...State,
    made_at: Type.String(),
    model: Type.Object(
      { name: Type.String(), version: Type.String() },
      { description: 'The model that scored the images.' },
    ),
    threshold: Type.Number({ description: 'An image with a lower score is out of distribution.' }),
    certain_threshold: Type.Optional(Type.Number()),
    kept_share: Type.Object(
      { expected: Type.Number(), low: Type.Number(), high: Type.Number() },
      {
        description:
          'Share of further images of the classes that is kept: its average, and the 95 % interval for this number of images (beta distribution).',
      },
    ),
    leave_one_out: Type.Object(
      { kept: Type.Integer(), share: Type.Number() },
      { description: 'Images that the threshold of the others would have kept.' },
    ),
    failed: Type.Optional(
      Type.Array(Type.Object({ id: Type.String(), error: Type.Any({ description: 'Problem document (RFC 9457).' }) }), {
        description: 'Images of this request without a verdict; they are not used.',
      }),
    ),
  },
  { title: 'Calibration' },
);
export type CalibrationReply = Static<typeof CalibrationReply>;

export function calibrationSummary({ stored, stale }: CalibrationState): Static<typeof CalibrationSummary> {
  const { version, keep, certain_keep, score, images } = stored;
  return {
    state: stale ? 'stale' : 'current',
    ...defined({ stale_because: stale }),
    version,
    keep,
    ...defined({ certain_keep }),
    score,
    images: images.length,
  };
}

export function toCalibrationReply(tenant: string, tenantVersion: number, state: CalibrationState): CalibrationReply {
  const { made_at, model } = state.stored;
  const { threshold, certainThreshold, kept, leaveOneOut } = calibrationReport(state.stored);
  return {
    tenant,
    tenant_version: tenantVersion,
    ...calibrationSummary(state),
    made_at,
    model: { name: model.name, version: model.version },
    threshold,
    ...defined({ certain_threshold: certainThreshold }),
    kept_share: kept,
    leave_one_out: leaveOneOut,
  };
}
