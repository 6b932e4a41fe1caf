/**
 * Scores that set an image's classes against negative labels: words that the classes are not. Sources:
 * - NegLabel: Jiang et al., "Negative Label Guided OOD Detection with Pretrained Vision-Language Models" (ICLR 2024, arXiv 2403.20078);
 *   score and groups as in its official code (XueJiang16/NegLabel, mmcls/models/ood/clip_ood.py), temperature 0.01 = scale 100, 100 groups.
 * - CSP: Chen et al., "Conjugated Semantic Pool Improves OOD Detection with Pre-trained Vision-Language Models" (NeurIPS 2024,
 *   arXiv 2410.08611): in its official code the same score with the same groups; only the labels are others.
 */
import { argMax, type Probabilities, sigmoid } from './probabilities.ts';

/** The groups of both official implementations. */
export const PUBLISHED_GROUPS = 100;

/** log sum exp(scale x) over every `step`-th value of `cosines` from `from` on, as far as `to`. @throws RangeError if one is not finite */
function logSumExp(cosines: ArrayLike<number>, scale: number, from: number, to: number, step: number): number {
  let top = Number.NEGATIVE_INFINITY;
  for (let i = from; i < to; i += step) {
    const logit = scale * (cosines[i] as number);
    if (!Number.isFinite(logit)) throw new RangeError(`the logit ${i} is not finite: ${logit}`);
    if (logit > top) top = logit;
  }
  let sum = 0;
  for (let i = from; i < to; i += step) sum += Math.exp(scale * (cosines[i] as number) - top);
  return top + Math.log(sum);
}

/** An image against the negative labels of its tenant: two shares of the classes, each in [0, 1], higher means more in-distribution. */
export interface NegativeShares {
  /** The published score. */
  score: number;
  /** The same with even priors: all classes together count as much as all labels of a group together, however many they are. */
  even: number;
}

/**
 * The score of NegLabel, and with the labels of a conjugated pool the score of CSP: the share of the classes in a softmax over the classes
 * and the negative labels of one group, averaged over the groups:
 * S = mean_g sum_j exp(scale s_j) / (sum_j exp(scale s_j) + w sum_{i in g} exp(scale n_i)).
 * The published score has w = 1: each class and each label has the same prior. Even priors are w = C / m for C classes and m labels in
 * a group; then the share means the same for 1,000 labels as for 10,000.
 *
 * Label i is in group i modulo `groups`. The official code draws a permutation with a fixed seed instead; dealing the labels in the order of
 * the mining gives every group the same mix of distances, and needs no generator that other implementations would have to repeat.
 * As published, groups have equal sizes: the last labels, count modulo groups, are left out. With fewer labels than groups each label is a
 * group.
 * The result takes the negative labels, so that several sets of them share the sum over the classes.
 * @param cosYes cosines with the yes features of the classes, [C], C >= 1
 * @returns a function of the cosines with negative labels in the order of the mining, [M], M >= 1; it throws RangeError on no label and
 * on anything that is not finite
 * @throws RangeError on no class, groups that are no positive integer, or anything that is not finite
 */
export function negativeShares(
  cosYes: ArrayLike<number>,
  scale: number,
  groups: number = PUBLISHED_GROUPS,
): (cosNegatives: ArrayLike<number>) => NegativeShares {
  if (cosYes.length === 0) throw new RangeError('at least one class is needed');
  if (!Number.isInteger(groups) || groups < 1) throw new RangeError(`groups must be a positive integer, not ${groups}`);
  const classes = logSumExp(cosYes, scale, 0, cosYes.length, 1);
  return (cosNegatives) => {
    if (cosNegatives.length === 0) throw new RangeError('at least one negative label is needed');
    const count = Math.min(groups, cosNegatives.length);
    const each = Math.floor(cosNegatives.length / count);
    const weight = Math.log(each / cosYes.length);
    let score = 0;
    let even = 0;
    for (let g = 0; g < count; g++) {
      const odds = classes - logSumExp(cosNegatives, scale, g, each * count, count);
      score += sigmoid(odds);
      even += sigmoid(odds + weight);
    }
    return { score: score / count, even: even / count };
  };
}

/** The published score alone, see `negativeShares`. */
export function negLabelScore(
  cosYes: ArrayLike<number>,
  cosNegatives: ArrayLike<number>,
  scale: number,
  groups: number = PUBLISHED_GROUPS,
): number {
  return negativeShares(cosYes, scale, groups)(cosNegatives).score;
}

/** An image's shares against both kinds of negative labels. */
export interface AgainstNegatives {
  /** Against nouns and adjectives. */
  neglabel?: NegativeShares;
  /** Against nouns and the conjugated pool. */
  csp?: NegativeShares;
}

/**
 * One probability that an image is of the classes, of CLIPN's no and of the negative labels: even (1 - p^no_{j*}). Two things must hold: the
 * image is of the classes rather than of something that a negative label names, and the no of the likeliest class does not hold (CTW's
 * question). The negative labels answer the first with even priors, so that the rule does not become stricter with each label. A rule
 * that asks for at least one half rejects whatever CTW rejects.
 */
export function combinedScore({ p, pNo }: Pick<Probabilities, 'p' | 'pNo'>, { even }: NegativeShares): number {
  return (1 - (pNo[argMax(p)] as number)) * even;
}
