import { ALL_SCORES, type AnyScore, fewestFor, type Scores } from '../../clipn/index.ts';
import { defined } from '../../defined.ts';
import { ServiceError } from '../../errors/index.ts';
import { notCalibrated } from './rule.ts';
import { dependsOnNegatives, type Pins } from './serving.ts';
import { type CalibrationChoices, MOST_CALIBRATION_IMAGES, type StoredCalibration } from './stored.ts';

/** An image of the classes with the scores of the tenant's head. */
export interface ScoredImage {
  sha256: string;
  scores: Scores;
}

/** A change of a calibration. Without images those of the former calibration are used again. */
export interface CalibrationChange {
  choices: Partial<CalibrationChoices>;
  images?: readonly ScoredImage[];
  /** Whether the images are added to those of the former calibration. */
  add?: boolean;
}

/** The head that scored the images. */
export interface ScoringHead extends Pins {
  name: string;
  version: string;
}

const DEFAULTS = { keep: 0.95, score: 'atd' } as const;
const SHORT_HASH = 32;

/** @param former the tenant's calibration so far; it must have the pins of `head` if its images are used */
export function madeCalibration(
  former: StoredCalibration | undefined,
  { choices, images = [], add = images.length === 0 }: CalibrationChange,
  head: ScoringHead,
  version: number,
): StoredCalibration {
  const base = add ? usable(former, head, images.length > 0) : undefined;
  const { keep, certain_keep, score } = { ...DEFAULTS, ...choicesOf(base), ...defined(choices) };
  if (certain_keep !== undefined && certain_keep >= keep) {
    throw new ServiceError('invalid_request', `certain_keep (${certain_keep}) must be less than keep (${keep}).`);
  }
  const names = [...(base?.images ?? [])];
  const kept = scoresOf(base, images, head.negatives);
  if (!kept.includes(score)) throw scoreMissing(score, base);
  const scores = Object.fromEntries(kept.map((name) => [name, [...(base?.scores[name] ?? [])]]));
  const known = new Set(names);
  for (const image of images) {
    const name = image.sha256.slice(0, SHORT_HASH);
    // the same image twice would make the others less likely, which the guarantee does not allow
    if (known.has(name)) continue;
    known.add(name);
    names.push(name);
    for (const score of kept) (scores[score] as number[]).push(image.scores[score] as number);
  }
  checkNumber(names.length, keep);
  return {
    keep,
    ...defined({ certain_keep }),
    score,
    version,
    made_at: new Date().toISOString(),
    model: { id: head.model, name: head.name, version: head.version },
    classes: head.classes,
    ...defined({ negatives: head.negatives }),
    images: names,
    scores: scores as StoredCalibration['scores'],
  };
}

const choicesOf = (base: StoredCalibration | undefined): Partial<CalibrationChoices> =>
  base ? defined({ keep: base.keep, certain_keep: base.certain_keep, score: base.score }) : {};

/** The scores that all images have. Those by negative labels count only if all images were scored with the labels of the head. */
function scoresOf(
  base: StoredCalibration | undefined,
  images: readonly ScoredImage[],
  negatives: string | undefined,
): readonly AnyScore[] {
  const same = !base || base.negatives === negatives;
  return ALL_SCORES.filter(
    (name) =>
      !dependsOnNegatives(name) ||
      (same && (!base || base.scores[name]) && images.every(({ scores }) => scores[name] !== undefined)),
  );
}

function scoreMissing(score: AnyScore, base: StoredCalibration | undefined): ServiceError {
  const again = base ? ' Send all images again, without "add".' : '';
  return new ServiceError('no_negatives', `Not all images have the score ${score}; it needs negative labels.${again}`);
}

/** The former calibration, if its scores belong to the head. @throws ServiceError not_calibrated, calibration_stale */
function usable(
  former: StoredCalibration | undefined,
  head: ScoringHead,
  optional: boolean,
): StoredCalibration | undefined {
  if (!former) {
    if (optional) return undefined;
    throw notCalibrated();
  }
  if (former.model.id === head.model && former.classes === head.classes) return former;
  throw new ServiceError(
    'calibration_stale',
    'The images of the former calibration were scored with another model or other classes. Send all images again, without "add".',
  );
}

function checkNumber(images: number, keep: number): void {
  const fewest = fewestFor(keep);
  if (images < fewest) {
    throw new ServiceError(
      'calibration_too_small',
      `There are ${images} different images; to keep ${keep} of the images of the classes, at least ${fewest} are needed.`,
      { extra: { images, needed: fewest } },
    );
  }
  if (images > MOST_CALIBRATION_IMAGES) {
    throw new ServiceError(
      'too_many_images',
      `A calibration may have at most ${MOST_CALIBRATION_IMAGES} images, this one has ${images}.`,
      { extra: { limit: MOST_CALIBRATION_IMAGES } },
    );
  }
}
