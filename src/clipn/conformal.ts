/**
 * Split conformal calibration of a score, higher means more in-distribution. Sources: Vovk, Gammerman and Shafer, "Algorithmic Learning in
 * a Random World" (2005); Angelopoulos and Bates, "A Gentle Introduction to Conformal Prediction" (arXiv 2107.07511), sections 1 and 3.2;
 * Vovk, "Conditional validity of inductive conformal predictors" (2012) for the beta distribution.
 *
 * Let s_(1) <= ... <= s_(n) be the scores of n images of the classes, and k = floor((n + 1)(1 - keep)). An image is kept if its score is at
 * least s_(k). If the next image of the classes is exchangeable with the n images, then it is kept with a probability of at least
 * 1 - k / (n + 1) >= keep, whatever the distribution of the scores. That is an average over the draw of the n images. For one draw and
 * scores without ties, the share that is kept from then on is distributed as Beta(n + 1 - k, k).
 */
import { betaQuantile } from './beta.ts';

/** Against the rounding of 1 - keep: (n + 1)(1 - 0.9) for n = 9 must be 1. */
const ROUNDING = 1e-9;

/** k: so many of n images, lowest scores first, are at or below the threshold. 0: there are too few images for a threshold. */
export function rankOf(n: number, keep: number): number {
  return Math.floor((n + 1) * (1 - keep) + ROUNDING);
}

/** Fewest images for a threshold: the smallest n with k >= 1. @param keep in (0, 1) */
export function fewestFor(keep: number): number {
  return Math.ceil(1 / (1 - keep) - 1 - ROUNDING);
}

/** Scores in ascending order, as the functions below expect them. */
export function ascending(scores: Iterable<number>): Float64Array {
  return Float64Array.from(scores).sort();
}

/**
 * s_(k); an image with a score below it is out of distribution. Minus infinity, which keeps every image, if there are too few scores.
 * @param sorted ascending, [n]
 */
export function thresholdOf(sorted: Float64Array, keep: number): number {
  const k = rankOf(sorted.length, keep);
  return k === 0 ? Number.NEGATIVE_INFINITY : (sorted[k - 1] as number);
}

/** Number of scores that are at most `score`. @param sorted ascending */
function atMost(sorted: Float64Array, score: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as number) <= score) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * The conformal p-value (1 + #{i: s_i <= s}) / (n + 1), in (0, 1]: for an image of the classes, P(p <= a) <= a for every a. The image is below
 * the threshold of `keep` exactly if k >= 1 and p <= k / (n + 1).
 * @param sorted ascending, [n]
 */
export function pValue(sorted: Float64Array, score: number): number {
  return (1 + atMost(sorted, score)) / (sorted.length + 1);
}

/** The share of images of the classes that a calibration keeps. */
export interface KeptShare {
  /** 1 - k / (n + 1): the average over draws of the n images. */
  expected: number;
  /** The central 95 % interval of Beta(n + 1 - k, k), for these n images. */
  low: number;
  high: number;
}

export function keptShare(n: number, keep: number): KeptShare {
  const k = rankOf(n, keep);
  if (k === 0) return { expected: 1, low: 1, high: 1 };
  const a = n + 1 - k;
  return { expected: a / (n + 1), low: betaQuantile(0.025, a, k), high: betaQuantile(0.975, a, k) };
}

/**
 * How many of the n images would have been kept by the threshold of the n - 1 others, which is their k-th score for k of n - 1 images: so an
 * image is kept if at least k of the others are at or below it.
 * @param sorted ascending, [n]
 */
export function keptLeaveOneOut(sorted: Float64Array, keep: number): number {
  const k = rankOf(sorted.length - 1, keep);
  return sorted.filter((score) => atMost(sorted, score) - 1 >= k).length;
}
