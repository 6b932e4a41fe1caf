import { type Static, Type } from 'typebox';
import { ALL_SCORES, type AnyScore, MORE_SCORES, SCORES, type ScoreName } from '../../clipn/index.ts';

/** More images make the interval hardly narrower, and all of them are in the stored record: at 1000, keep 0.95 has the interval 0.936 to 0.963. */
export const MOST_CALIBRATION_IMAGES = 1000;

/** A share of images of the classes that is kept, in (0, 1). */
export const Keep = Type.Number({ minimum: 0.5, maximum: 0.999 });

export const ScoreSchema = Type.Unsafe<AnyScore>(Type.Union(ALL_SCORES.map((score) => Type.Literal(score))));

/** The choices of a calibration. */
export const CalibrationChoices = Type.Object({
  /** Share of images of the classes that the threshold keeps. */
  keep: Keep,
  /** A smaller share: images between both thresholds are uncertain. Without it, disagreement with the rule without a threshold is. */
  certain_keep: Type.Optional(Keep),
  score: ScoreSchema,
});
export type CalibrationChoices = Static<typeof CalibrationChoices>;

const Numbers = Type.Array(Type.Number());

/** A calibration in the record of its tenant: the scores of the images, from which everything else follows. */
export const StoredCalibration = Type.Object({
  ...CalibrationChoices.properties,
  /** The version of the tenant that it began with. */
  version: Type.Integer({ minimum: 1 }),
  made_at: Type.String(),
  /** The model that scored the images; `id` includes the image encoder. */
  model: Type.Object({ id: Type.String(), name: Type.String(), version: Type.String() }),
  /** Digest of the class list; see `classesDigest`. */
  classes: Type.String(),
  /** `Pins.negatives` of the images' scores. */
  negatives: Type.Optional(Type.String()),
  /** The first 32 hexadecimal digits of the SHA-256 of each image. */
  images: Type.Array(Type.String()),
  /** All scores of the images, in their order, so that keep and score can be changed without them. */
  scores: Type.Object({
    ...(Object.fromEntries(SCORES.map((score) => [score, Numbers])) as Record<ScoreName, typeof Numbers>),
    ...(Object.fromEntries(MORE_SCORES.map((score) => [score, Type.Optional(Numbers)])) as Record<
      (typeof MORE_SCORES)[number],
      ReturnType<typeof Type.Optional<typeof Numbers>>
    >),
  }),
});
export type StoredCalibration = Static<typeof StoredCalibration>;
