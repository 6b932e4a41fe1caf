/**
 * NegMining: which words of a list become the negative labels of some classes. Source: NegLabel (Jiang et al., ICLR 2024, arXiv 2403.20078)
 * with its official code (XueJiang16/NegLabel, mmcls/models/classifiers/multi_modal.py): the words that are farthest from the classes, where
 * a word's distance is a low percentile, not the minimum, of its distances to the classes, so that a single class close to the word
 * does not decide.
 */

/** The quantile of the similarities: the published 5th percentile of the distances. */
export const PUBLISHED_QUANTILE = 0.95;

/** CSP's official code never picks a text whose cosine with a class is above this. */
export const PUBLISHED_LIMIT = 0.95;

/**
 * The quantile of `values`, linear between neighbours, as NumPy's and PyTorch's default.
 * @param values any order, at least one; sorted in place
 * @param q in [0, 1]
 */
export function quantileInPlace(values: Float64Array, q: number): number {
  values.sort();
  const at = q * (values.length - 1);
  const low = Math.floor(at);
  const lower = values[low] as number;
  return lower + (at - low) * ((values[Math.min(low + 1, values.length - 1)] as number) - lower);
}

export interface MiningRule {
  /** Quantile of a word's cosines with the classes, in [0, 1]. */
  quantile: number;
  /** A word with a cosine above it counts as one of the classes, and is chosen last; absent: no limit. */
  limit?: number;
}

/**
 * How close each word is to the classes: the quantile of its cosines with them, or 1 if one of them is above the limit.
 * @param words unit rows, [W, D]
 * @param classes unit rows, [C, D]
 * @returns float64 [W]
 * @throws RangeError on no class, on lengths that are no multiple of `width`, or a cosine that is not finite
 */
export function closeness(
  words: ArrayLike<number>,
  classes: ArrayLike<number>,
  width: number,
  { quantile, limit = Number.POSITIVE_INFINITY }: MiningRule,
): Float64Array {
  const count = classes.length / width;
  if (!Number.isInteger(count) || count < 1 || !Number.isInteger(words.length / width))
    throw new RangeError(`rows of ${width} numbers are needed, of at least one class`);
  if (!(quantile >= 0 && quantile <= 1)) throw new RangeError(`the quantile must be from 0 to 1, not ${quantile}`);
  const out = new Float64Array(words.length / width);
  const cosines = new Float64Array(count);
  for (let w = 0; w < out.length; w++) {
    let closest = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < count; c++) {
      let dot = 0;
      for (let d = 0; d < width; d++) dot += (words[w * width + d] as number) * (classes[c * width + d] as number);
      if (!Number.isFinite(dot)) throw new RangeError(`the cosine of word ${w} and class ${c} is not finite: ${dot}`);
      cosines[c] = dot;
      if (dot > closest) closest = dot;
    }
    out[w] = closest > limit ? 1 : quantileInPlace(cosines, quantile);
  }
  return out;
}

/** Words `from` to before `to` of a list: its nouns, its adjectives or its conjugated pool. */
export interface Part {
  from: number;
  to: number;
}

/** Splits `total` in the ratio of `sizes`, each part at most its size; the largest fractions are rounded up first, ties by index. */
export function shares(total: number, sizes: readonly number[]): number[] {
  const all = sizes.reduce((sum, size) => sum + size, 0);
  if (total >= all) return [...sizes];
  const exact = sizes.map((size) => (total * size) / all);
  const out = exact.map(Math.floor);
  const left = total - out.reduce((sum, n) => sum + n, 0);
  const byFraction = exact
    .map((x, i) => ({ i, fraction: x - Math.floor(x) }))
    .sort((a, b) => b.fraction - a.fraction || a.i - b.i);
  for (const { i } of byFraction.slice(0, left)) (out[i] as number)++;
  return out;
}

/**
 * The negative labels: of each part the same share of its words, those farthest from the classes, farthest first, one part after the other.
 * The official code takes 15 % of the nouns and 15 % of the adjectives, which are about 10,000 labels; here the number of labels is given,
 * and a part has the share of its available words.
 * @param closenessOf of each word, see `closeness`, [W]
 * @param labels number of labels; with fewer words than that all words are taken
 * @param excluded words that may not be taken
 * @returns indices into `closenessOf`; equally close words are in the order of the list
 */
export function mine(
  closenessOf: ArrayLike<number>,
  parts: readonly Part[],
  labels: number,
  excluded: ReadonlySet<number> = new Set(),
): Uint32Array {
  if (!Number.isInteger(labels) || labels < 1) throw new RangeError(`labels must be a positive integer, not ${labels}`);
  const free = parts.map(({ from, to }) => {
    const words: number[] = [];
    for (let i = from; i < to; i++) {
      if (!Number.isFinite(closenessOf[i])) throw new RangeError(`the closeness of word ${i} is not a number`);
      if (!excluded.has(i)) words.push(i);
    }
    return words.sort((a, b) => (closenessOf[a] as number) - (closenessOf[b] as number) || a - b);
  });
  const count = shares(
    labels,
    free.map((words) => words.length),
  );
  return Uint32Array.from(free.flatMap((words, i) => words.slice(0, count[i])));
}
