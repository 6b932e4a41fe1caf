import { type MiningRule, mine, type Part, quantileInPlace } from '../../clipn/index.ts';
import type { WordMatrix } from '../../words/word-matrix.ts';

/** One choice of negative labels. */
export interface Mining extends MiningRule {
  /** Parts of the word list that the labels come from. */
  parts: readonly Part[];
  labels: number;
}

/** Cosines that are in memory at once. */
const COSINES = 2 ** 20;
/** Words of one block: their rows stay in the cache of a core while all classes are compared with them. */
const BLOCK = 512;

/**
 * How close each word of the parts is to the classes, as `closeness` of clipn/, with the cosines of the word matrix; other words stay 0.
 * @param classes unit rows, float32 [C, D]
 * @returns float64 [W]
 */
export function closenessOf(
  matrix: WordMatrix,
  classes: Float32Array,
  { quantile, limit = Number.POSITIVE_INFINITY }: MiningRule,
  parts: readonly Part[],
): Float64Array {
  const { width } = matrix;
  const count = classes.length / width;
  const block = Math.max(1, Math.min(BLOCK, Math.floor(COSINES / count)));
  const out = new Float64Array(matrix.count);
  const values = new Float64Array(count);
  for (const part of parts) {
    for (let from = part.from; from < part.to; from += block) {
      const indices = Uint32Array.from({ length: Math.min(block, part.to - from) }, (_, i) => from + i);
      const cosines = Array.from({ length: count }, (_, c) =>
        matrix.cosines(classes.subarray(c * width, (c + 1) * width), indices),
      );
      for (const [i, word] of indices.entries()) {
        for (let c = 0; c < count; c++) values[c] = (cosines[c] as Float64Array)[i] as number;
        const closest = values.reduce((a, b) => Math.max(a, b));
        out[word] = closest > limit ? 1 : quantileInPlace(values, quantile);
      }
    }
  }
  return out;
}

/** The negative labels of some classes, farthest first, part by part; see `mine` of clipn/. @param excluded places of words that may not be taken */
export function minedLabels(
  matrix: WordMatrix,
  classes: Float32Array,
  mining: Mining,
  excluded: ReadonlySet<number>,
): Uint32Array {
  const { parts, labels } = mining;
  return mine(closenessOf(matrix, classes, mining, parts), parts, labels, excluded);
}
