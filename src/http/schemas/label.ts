import { type Static, Type } from 'typebox';
import { type Label, type LabelRecord, wordOf } from '../../labels/index.ts';
import { ObservedVerdict, Sha256 } from './capture.ts';

/** A label as clients send it. A class that is itself called "none" or "unsure" is given as `{"class": "none"}`. */
const LabelWord = Type.Union(
  [
    Type.String({ minLength: 1, maxLength: 1000 }),
    Type.Object({ class: Type.String({ minLength: 1, maxLength: 1000 }) }, { additionalProperties: false }),
  ],
  {
    description:
      'The name of a class, "none" for none of the classes, or "unsure". {"class": "none"} is a class that has such a name.',
  },
);
export type LabelWord = Static<typeof LabelWord>;

const By = Type.String({
  minLength: 1,
  maxLength: 200,
  description: 'Who labels; the name of the API key by default.',
});

export const LabelBody = Type.Object(
  {
    tenant: Type.String({ maxLength: 63 }),
    sha256: Type.Optional(Sha256),
    request_id: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 200,
        description: 'X-Request-Id of the request of a kept image, instead of `sha256`.',
      }),
    ),
    label: Type.Optional(LabelWord),
    labels: Type.Optional(
      Type.Array(Type.Object({ sha256: Sha256, label: LabelWord }, { additionalProperties: false }), {
        minItems: 1,
        maxItems: 1000,
        description: 'Several labels at once, instead of `sha256` and `label`. All or none are stored.',
      }),
    ),
    by: Type.Optional(By),
  },
  { additionalProperties: false },
);
export type LabelBody = Static<typeof LabelBody>;

export const LabelView = Type.Object(
  {
    sha256: Sha256,
    label: Type.String({ description: 'The name of the class, or the kind.' }),
    kind: Type.Union([Type.Literal('class'), Type.Literal('none'), Type.Literal('unsure')]),
    by: By,
    at: Type.String(),
    verdict: Type.Union(
      [Type.Intersect([Type.Partial(ObservedVerdict), Type.Object({ weight: Type.Number() })]), Type.Null()],
      { description: 'The verdict when the image was kept; null if it was not.' },
    ),
  },
  { title: 'Label' },
);
export type LabelView = Static<typeof LabelView>;

/** @returns a plain object of the form of `LabelView` */
export function toLabelView(record: LabelRecord) {
  const { key, label, by, at, verdict } = record;
  return { sha256: key, label: wordOf(record), kind: label.kind, by, at, verdict };
}

/** The label that a client means. */
export function labelOf(word: LabelWord): Label {
  if (typeof word !== 'string') return { kind: 'class', class: word.class };
  return word === 'none' || word === 'unsure' ? { kind: word } : { kind: 'class', class: word };
}
