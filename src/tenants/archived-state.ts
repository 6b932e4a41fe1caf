import { type Static, Type } from 'typebox';
import { ALL_SCORES, type AnyScore, fewestFor, SCORES } from '../clipn/index.ts';
import { MOST_CALIBRATION_IMAGES, StoredCalibration } from './calibration/stored.ts';
import {
  MOST_OF_CLASS,
  MOST_OF_TENANT,
  picturesOf,
  StoredExamples,
  unpacked,
  withPictures,
} from './examples/stored.ts';
import type { TenantRecord } from './record.ts';

/** Everything of an exported tenant beside its definition and features. A tenant without calibration and examples has neither field. */
export const ArchivedState = Type.Object({
  calibration: Type.Optional(StoredCalibration),
  examples: Type.Optional(StoredExamples),
});
export type ArchivedState = Static<typeof ArchivedState>;

/** Most JSON values of it. */
export const VALUES_OF_STATE = 16 * (MOST_CALIBRATION_IMAGES + MOST_OF_TENANT);

const NONE: ReadonlyMap<string, string> = new Map();

/** Embeddings are stored in steps of 1 / 32767, so their length differs from 1 by more than that of a float32 row. */
const TOLERANCE = 0.01;

/** The state of a record as it is exported. Pictures of examples are no part of the file. */
export function archivedState({ calibration, examples = {} }: TenantRecord): ArchivedState {
  return {
    ...(calibration && { calibration }),
    ...(Object.keys(examples).length > 0 && { examples: withPictures(examples, NONE) }),
  };
}

/** The reason why the state was not written by this program, in words; undefined if it is sound. */
export function faultOfState({ calibration, examples }: ArchivedState): string | undefined {
  return (calibration && faultOfCalibration(calibration)) ?? (examples && faultOfExamples(examples));
}

function faultOfCalibration({ keep, certain_keep, score, images, scores }: StoredCalibration): string | undefined {
  const number = images.length;
  if (number < fewestFor(keep) || number > MOST_CALIBRATION_IMAGES || new Set(images).size !== number)
    return 'its calibration has an impossible number of images';
  if (certain_keep !== undefined && certain_keep >= keep) return 'the shares of its calibration contradict each other';
  const needed: readonly AnyScore[] = [...SCORES, score];
  const whole = ALL_SCORES.every((name) => {
    const of = scores[name];
    return of ? of.length === number && of.every(Number.isFinite) : !needed.includes(name);
  });
  return whole ? undefined : 'its calibration has not one score for each image';
}

function faultOfExamples(examples: StoredExamples): string | undefined {
  let total = 0;
  for (const { images } of Object.values(examples)) {
    total += images.length;
    if (images.length === 0 || images.length > MOST_OF_CLASS || total > MOST_OF_TENANT)
      return 'it has an impossible number of examples';
    if (new Set(images.map(({ sha256 }) => sha256)).size !== images.length) return 'it has an example twice';
    const width = unpacked(images[0]?.embedding ?? '').length;
    for (const { embedding } of images) {
      const row = unpacked(embedding);
      if (row.length !== width || Math.abs(Math.hypot(...row) - 1) > TOLERANCE)
        return 'the embedding of an example is not of unit length';
    }
  }
  return undefined;
}

/** Whether an import of the state would leave a record as it is. */
export function sameState(old: TenantRecord, { calibration, examples = {} }: ArchivedState): boolean {
  const plain = (of: StoredCalibration | undefined) => JSON.stringify(of && sorted({ ...of, version: 0 }));
  const text = (of: StoredExamples) => JSON.stringify(sorted(withPictures(of, NONE)));
  const sameExamples = text(old.examples ?? {}) === text(examples);
  return sameExamples && (calibration === undefined || plain(calibration) === plain(old.calibration));
}

/** The entries in the order of their names: a database may return them in another one. */
const sorted = (object: object) => Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1));

/**
 * The part of a change that imports the state. The calibration so far stays where the file has none; it applies only to the features it was
 * made for. Examples that the tenant has already keep their pictures.
 */
export function importedState(
  { calibration, examples }: ArchivedState,
  old: TenantRecord | undefined,
  version: number,
) {
  return {
    calibration: calibration && { ...calibration, version },
    examples: examples ? withPictures(examples, picturesOf(old?.examples)) : old?.examples && {},
  };
}
