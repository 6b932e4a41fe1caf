/** Two scores of cosines alone, higher means more in-distribution. */

function checked(cosines: ArrayLike<number>): Float64Array {
  if (cosines.length === 0) throw new RangeError('at least one class is needed');
  const out = Float64Array.from(cosines);
  if (!out.every(Number.isFinite)) throw new RangeError('a cosine is not finite');
  return out;
}

/**
 * LogitGap: how far the largest logit is above the mean of the next ones. Source: Liang et al., "Revisiting Logit Distributions for Reliable
 * Out-of-Distribution Detection" (NeurIPS 2025, arXiv 2510.20134; GIT-LJc/LogitGap, utils/compute_utils.py): mean over the `top` logits after the largest of
 * (largest - logit). The paper's plain form takes all of the others; its top-N form the next N, in the official scripts 5 of 10 classes,
 * 10 of 20, 20 of 100 and 88 of 1,000. With one class it is the logit itself, as in the official code for N = 0.
 * @param top N, at least 1; more than there are means all
 * @throws RangeError on no class, or a cosine that is not finite
 */
export function logitGap(cosYes: ArrayLike<number>, scale: number, top: number = Number.POSITIVE_INFINITY): number {
  if (!(top >= 1)) throw new RangeError(`at least one logit must be compared, not ${top}`);
  const sorted = checked(cosYes).sort();
  const best = sorted[sorted.length - 1] as number;
  const count = Math.min(Math.floor(top), sorted.length - 1);
  if (count === 0) return scale * best;
  let sum = 0;
  for (let i = sorted.length - 1 - count; i < sorted.length - 1; i++) sum += best - (sorted[i] as number);
  return (scale * sum) / count;
}

/** The weight of the patches in the official script for ImageNet. */
export const PUBLISHED_PATCH_WEIGHT = 0.5;

/** max_j softmax_j(cosines), temperature 1 on raw cosines: MCM. */
function mcm(cosines: Float64Array): number {
  const top = cosines.reduce((a, b) => Math.max(a, b));
  return 1 / cosines.reduce((sum, cosine) => sum + Math.exp(cosine - top), 0);
}

/**
 * GL-MCM: MCM of the image plus `weight` times the largest MCM of its patches. Source: Miyai et al., "GL-MCM: Global and Local Maximum Concept
 * Matching for Zero-Shot Out-of-Distribution Detection" (IJCV 2025, arXiv 2304.04521; AtsuMiyai/GL-MCM, utils/detection_util.py); temperature 1 on raw cosines.
 * @param cosYes cosines of the image's feature with the yes features, [C]
 * @param cosPatches cosines of the patches' features with them, rows of [P, C]
 * @throws RangeError on no class, no patch, unequal lengths, or a cosine that is not finite
 */
export function glMcm(
  cosYes: ArrayLike<number>,
  cosPatches: readonly ArrayLike<number>[],
  weight: number = PUBLISHED_PATCH_WEIGHT,
): number {
  if (cosPatches.length === 0) throw new RangeError('at least one patch is needed');
  const patches = cosPatches.map((patch) => {
    if (patch.length !== cosYes.length)
      throw new RangeError(`${cosYes.length} classes but ${patch.length} cosines of a patch`);
    return mcm(checked(patch));
  });
  return mcm(checked(cosYes)) + weight * Math.max(...patches);
}
