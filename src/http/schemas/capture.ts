import { type Static, Type } from 'typebox';
import { type CaptureRecord, REASONS, type Reason, type RecordedVerdict } from '../../capture/index.ts';
import { decisionKey, METHODS, NEGATIVE_METHODS } from '../../clipn/index.ts';
import { defined } from '../../defined.ts';
import { type LabelRecord, wordOf } from '../../labels/index.ts';
import { MethodSchema } from '../../tenants/definition.ts';
import { LooksLikeWords } from './detect.ts';
import { TenantParams } from './tenant.ts';

const Decision = Type.Union([Type.Literal('id'), Type.Literal('ood')]);
const ReasonSchema = Type.Unsafe<Reason>(
  Type.Union(
    REASONS.map((reason) => Type.Literal(reason)),
    { description: 'Why the image was kept.' },
  ),
);
export const Sha256 = Type.String({
  pattern: '^[0-9a-f]{64}$',
  description: 'SHA-256 of the file, as in its verdict.',
});

export const CaptureParams = Type.Object({ ...TenantParams.properties, sha256: Sha256 });
export type CaptureParams = Static<typeof CaptureParams>;

const Time = Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}(T[0-9:.]{5,15}(Z|[+-]\\d{2}:\\d{2}))?$' });

const RULES = ([...METHODS, 'calibrated', ...NEGATIVE_METHODS] as const).map(decisionKey);

export const CaptureQuery = Type.Object({
  after: Type.Optional(Type.String({ maxLength: 200, description: '`next` of the previous page.' })),
  limit: Type.Integer({ default: 100, minimum: 1, maximum: 1000 }),
  reason: Type.Optional(ReasonSchema),
  decision: Type.Optional(Decision),
  rule: Type.Optional(
    Type.Union(
      RULES.map((rule) => Type.Literal(rule)),
      {
        description: 'The rule whose decision `decision` is; the own rule of the tenant by default.',
      },
    ),
  ),
  class: Type.Optional(Type.String({ maxLength: 1000, description: 'Name of the predicted class.' })),
  labelled: Type.Optional(Type.Union([Type.Literal('yes'), Type.Literal('no')])),
  label: Type.Optional(
    Type.String({ maxLength: 1000, description: 'Only images with this label: the name of a class, none or unsure.' }),
  ),
  since: Type.Optional(Time),
  until: Type.Optional(Time),
});
export type CaptureQuery = Static<typeof CaptureQuery>;

/** The verdict on an image as it was at that time. */
export const ObservedVerdict = Type.Object({
  tenant_version: Type.Integer(),
  model: Type.Object({ name: Type.String(), version: Type.String() }),
  method: MethodSchema,
  decision: Decision,
  decisions: Type.Object({
    ctw: Decision,
    atd: Decision,
    atd_rescaled: Decision,
    calibrated: Type.Optional(Decision),
    neglabel: Type.Optional(Decision),
    csp: Type.Optional(Decision),
    combined: Type.Optional(Decision),
  }),
  scores: Type.Record(Type.String(), Type.Number()),
  band: Type.Optional(Type.Union([Type.Literal('in'), Type.Literal('uncertain'), Type.Literal('out')])),
  p_value: Type.Optional(Type.Number()),
  prediction: Type.Object({ class: Type.String(), probability: Type.Number() }),
  no_probability: Type.Number(),
  ood_probability: Type.Number(),
  looks_like: Type.Optional(LooksLikeWords),
});
export type ObservedVerdict = Static<typeof ObservedVerdict>;

export const CapturedImage = Type.Object(
  {
    sha256: Sha256,
    captured_at: Type.String(),
    expires_at: Type.String({
      description: 'The image is removed at this time, or earlier if the retention is shortened.',
    }),
    bytes: Type.Integer(),
    width: Type.Integer(),
    height: Type.Integer(),
    format: Type.String(),
    request_id: Type.Optional(Type.String()),
    reason: ReasonSchema,
    sampling: Type.Object({
      probability: Type.Number({ description: 'Probability with which the image was drawn.' }),
      weight: Type.Number({ description: 'Number of verdicts that it stands for.' }),
    }),
    verdict: ObservedVerdict,
    label: Type.Union(
      [
        Type.Object({
          label: Type.String(),
          kind: Type.Union([Type.Literal('class'), Type.Literal('none'), Type.Literal('unsure')]),
          by: Type.String(),
          at: Type.String(),
        }),
        Type.Null(),
      ],
      { description: 'Null if the image has none.' },
    ),
  },
  { title: 'CapturedImage' },
);
export type CapturedImage = Static<typeof CapturedImage>;

export function observedVerdict(verdict: RecordedVerdict): ObservedVerdict {
  const { tenant_version, model, method, decision, decisions, scores, band, p_value, prediction } = verdict;
  const { no_probability, ood_probability, looks_like } = verdict;
  const calibrated = defined({ band, p_value });
  return {
    tenant_version,
    model,
    method,
    decision,
    decisions,
    scores: { ...scores },
    ...calibrated,
    prediction,
    no_probability,
    ood_probability,
    ...defined({ looks_like }),
  };
}

export function toCapturedImage(record: CaptureRecord, label: LabelRecord | undefined): CapturedImage {
  const { key, captured_at, expires_at, bytes, width, height, format, request_id, reason, probability, weight } =
    record;
  return {
    sha256: key,
    captured_at,
    expires_at,
    bytes,
    width,
    height,
    format,
    ...defined({ request_id }),
    reason,
    sampling: { probability, weight },
    verdict: observedVerdict(record),
    label: label ? { label: wordOf(label), kind: label.label.kind, by: label.by, at: label.at } : null,
  };
}

export const CaptureListReply = Type.Object(
  {
    images: Type.Array(CapturedImage),
    total: Type.Integer({ description: 'Number of images on all pages.' }),
    labelled: Type.Integer({ description: 'Those of them with a label.' }),
    next: Type.Union([Type.String(), Type.Null()], { description: '`after` of the next page; null on the last.' }),
    results: Type.Record(Type.String(), Type.Integer(), {
      description:
        'Images that this replica has drawn since its start, by result: stored, duplicate, quota, total, dropped, failed.',
    }),
  },
  { title: 'CapturePage' },
);
export type CaptureListReply = Static<typeof CaptureListReply>;
