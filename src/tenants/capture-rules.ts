import { type Static, Type } from 'typebox';

const share = (fallback: number, which: string) =>
  Type.Optional(
    Type.Number({ minimum: 0, maximum: 1, description: `Share of ${which} that are kept, ${fallback} by default.` }),
  );

/** Which images of a tenant are kept for review. Without these rules none is kept. */
export const CaptureRules = Type.Object(
  {
    uncertain: share(1, 'the images in the band `uncertain` of the calibration'),
    out: share(1, 'the images that the tenant refuses'),
    disagreeing: share(1, 'the images of which the rules decide differently'),
    rest: share(0.05, 'all other images'),
    per_hour: Type.Optional(
      Type.Integer({
        minimum: 2,
        maximum: 10_000,
        description: 'Most images kept in any hour, for each replica; 100 by default.',
      }),
    ),
    total: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 100_000, description: 'Most images kept at a time; 10,000 by default.' }),
    ),
    retention_days: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        maximum: 3650,
        description: 'Age at which an image is removed, days; 30 by default.',
      }),
    ),
    duplicates: Type.Optional(
      Type.Union([Type.Literal('skip'), Type.Literal('keep')], {
        description: 'Whether images that are nearly equal to a kept one are skipped, as is the default.',
      }),
    ),
  },
  { additionalProperties: false },
);
export type CaptureRules = Static<typeof CaptureRules>;

const DEFAULTS: Required<CaptureRules> = {
  uncertain: 1,
  out: 1,
  disagreeing: 1,
  rest: 0.05,
  per_hour: 100,
  total: 10_000,
  retention_days: 30,
  duplicates: 'skip',
};

/** The rules with all defaults; undefined where nothing is kept. */
export function captureRulesOf(rules: CaptureRules | undefined): Required<CaptureRules> | undefined {
  return rules && { ...DEFAULTS, ...rules };
}
