/** The words nearest to an image, with probabilities beside the classes. */
import { largest } from './largest.ts';

/** One word: its index in the list, and its probability in [0, 1]. */
export interface NearWord {
  index: number;
  probability: number;
}

/**
 * The `k` words with the largest cosines, nearest first, ties by index. Their probabilities are those of one softmax over all classes and all
 * words but the excluded ones: exp(scale w_i) / (sum_j exp(scale s_j) + sum_i exp(scale w_i)). So they say how much of the
 * probability the classes leave to a word, and those of few words sum to less than one.
 * @param cosYes cosines with the yes features of the classes, [C]
 * @param cosWords cosines with the words, [W]
 * @param excluded indices of words that do not count
 * @returns fewer than `k` where fewer words count
 * @throws RangeError if a cosine is not finite
 */
export function nearestWords(
  cosYes: ArrayLike<number>,
  cosWords: ArrayLike<number>,
  scale: number,
  { k, excluded }: { k: number; excluded: ReadonlySet<number> },
): NearWord[] {
  const counted = Float64Array.from(cosWords);
  for (const index of excluded) if (index < counted.length) counted[index] = Number.NEGATIVE_INFINITY;
  const logits = (cosines: ArrayLike<number>) => Float64Array.from(cosines, (cosine) => scale * cosine);
  const [classes, words] = [logits(cosYes), logits(counted)];
  let top = Number.NEGATIVE_INFINITY;
  for (const of of [classes, words])
    for (const [i, logit] of of.entries()) {
      if (Number.isNaN(logit) || logit === Number.POSITIVE_INFINITY)
        throw new RangeError(`the logit ${i} is not finite: ${logit}`);
      if (logit > top) top = logit;
    }
  let sum = 0;
  for (const of of [classes, words]) for (const logit of of) sum += Math.exp(logit - top);
  // by cosines and not by logits: two cosines can have the same logit
  return largest(counted, k).map((index) => ({ index, probability: Math.exp((words[index] as number) - top) / sum }));
}
