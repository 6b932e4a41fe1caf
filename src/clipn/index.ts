/** CLIPN's mathematics and text rules: pure, no I/O, float64 throughout. */
import { type Decisions, decide } from './decisions.ts';
import { largest } from './largest.ts';
import { argMax, type Probabilities, probabilities } from './probabilities.ts';
import { type Scores, scores } from './scores.ts';

export {
  ascending,
  fewestFor,
  type KeptShare,
  keptLeaveOneOut,
  keptShare,
  pValue,
  rankOf,
  thresholdOf,
} from './conformal.ts';
export {
  type Decision,
  type DecisionKey,
  type Decisions,
  decide,
  decideByNegatives,
  decisionIn,
  decisionKey,
  decisionOf,
  type FreeRule,
  METHODS,
  type Method,
  NEGATIVE_METHODS,
  type NegativeMethod,
  RULES,
  type Rule,
} from './decisions.ts';
export { glMcm, logitGap, PUBLISHED_PATCH_WEIGHT } from './gaps.ts';
export {
  closeness,
  type MiningRule,
  mine,
  type Part,
  PUBLISHED_LIMIT,
  PUBLISHED_QUANTILE,
  quantileInPlace,
} from './mining.ts';
export { type NearWord, nearestWords } from './nearest.ts';
export {
  type AgainstNegatives,
  combinedScore,
  type NegativeShares,
  negativeShares,
  negLabelScore,
  PUBLISHED_GROUPS,
} from './negatives.ts';
export { argMax, type Probabilities, probabilities, sigmoid } from './probabilities.ts';
export {
  ALL_SCORES,
  type AnyScore,
  MORE_SCORES,
  type MoreScores,
  SCORES,
  type ScoreName,
  type Scores,
  scores,
} from './scores.ts';
export { classNameFault, fillTemplate, MAX_NAME_LENGTH, templateFault } from './templates.ts';

/** CLIPN's result for one image and C classes. */
export interface Assessment extends Probabilities {
  /** j*, the likeliest class; of equally likely ones the first. */
  index: number;
  decisions: Decisions;
  scores: Scores;
}

/**
 * @param cosYes cosines of the image with the C yes features
 * @param cosNo cosines of the image with the C no features
 * @throws RangeError on no classes, unequal lengths, or anything that is not finite
 */
export function assess(cosYes: ArrayLike<number>, cosNo: ArrayLike<number>, scale: number): Assessment {
  const all = probabilities(cosYes, cosNo, scale);
  return { ...all, index: argMax(all.p), decisions: decide(all), scores: scores(cosYes, scale, all) };
}

/** Indices of the k likeliest classes, likeliest first, ties by index. */
export function topK({ p }: Pick<Probabilities, 'p'>, k: number): number[] {
  return largest(p, k);
}
