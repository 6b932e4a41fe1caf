import { type Static, Type } from 'typebox';
import { addNormalised, normalise } from '../clipn/text-features.ts';

/** Most aliases of one class. Each costs as much to encode as a class. */
export const MAX_ALIASES = 32;

/** A class: its name, or its name with aliases. */
export const ClassEntry = Type.Union(
  [
    Type.String(),
    Type.Object(
      {
        name: Type.String(),
        aliases: Type.Optional(
          Type.Array(Type.String(), {
            minItems: 1,
            maxItems: MAX_ALIASES,
            description: 'Other names of the class, averaged with `name` into one feature.',
          }),
        ),
        text: Type.Optional(
          Type.Literal(false, {
            description:
              'The name has no meaning for the model ("part no. 4711"): the class is recognised by its examples.',
          }),
        ),
      },
      { title: 'ClassWithAliases', additionalProperties: false },
    ),
  ],
  {
    title: 'ClassEntry',
    description: 'A class name, or {"name", "aliases": [...], "text": false}. Verdicts contain the name.',
  },
);
export type ClassEntry = Static<typeof ClassEntry>;

/** The name of the class in verdicts. */
export function nameOf(entry: ClassEntry): string {
  return typeof entry === 'string' ? entry : entry.name;
}

/** The text of a class whose name has no meaning. */
const ANYTHING = 'object';

/** The distinct texts whose features make up the class: its name, then its aliases. */
export function textsOf(entry: ClassEntry): string[] {
  if (typeof entry !== 'string' && entry.text === false) return [ANYTHING];
  return typeof entry === 'string' ? [entry] : [...new Set([entry.name, ...(entry.aliases ?? [])])];
}

/**
 * Class features from the features of their texts, both rows of unit length: [texts * width] -> [classes * width].
 * Aliases extend CLIP's prompt ensembling (Radford et al. 2021, section 3.1.4: average in the embedding space): every text's
 * feature is already the normalised mean over the templates; the class is the normalised mean of its texts' features. All
 * texts have the same weight. A class of one text has exactly that text's row.
 * @param rowOf index in `rows` of the row of a text
 */
export function averageTexts(
  classes: readonly ClassEntry[],
  rows: Float32Array,
  rowOf: (text: string) => number,
  width: number,
): Float32Array {
  const out = new Float32Array(classes.length * width);
  for (const [c, entry] of classes.entries()) {
    const texts = textsOf(entry);
    if (texts.length === 1) {
      const at = rowOf(texts[0] as string) * width;
      out.set(rows.subarray(at, at + width), c * width);
      continue;
    }
    const sum = new Float64Array(width);
    for (const text of texts) addNormalised(sum, 0, rows, rowOf(text), width);
    out.set(normalise(sum, width), c * width);
  }
  return out;
}
