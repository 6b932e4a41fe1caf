/**
 * CLIPN's probabilities. Source: "CLIPN for Zero-Shot OOD Detection: Teaching CLIP to Say No" (ICCV 2023, arXiv 2308.12213),
 * section 3.4. For C classes, s_j is the cosine of the image with class j's yes feature, s^no_j with its no feature.
 */
export interface Probabilities {
  /** p_j = softmax_j(scale s_j), float64 [C], sums to one. */
  p: Float64Array;
  /** p^no_j = sigmoid(scale (s^no_j - s_j)), float64 [C]: one binary question per class, not a softmax over classes. */
  pNo: Float64Array;
  /** p_{C+1} = 1 - sum_j (1 - p^no_j) p_j: probability of "none of these classes". */
  pOod: number;
  /** log sum_j exp(scale s_j), of which the energy score is made. */
  logSumExp: number;
}

/** 1 / (1 + e^-x) without overflow on either side. */
export function sigmoid(x: number): number {
  if (x >= 0) return 1 / (1 + Math.exp(-x));
  const e = Math.exp(x);
  return e / (1 + e);
}

/** Index of the largest value; of equal ones the first. */
export function argMax(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if ((values[i] as number) > (values[best] as number)) best = i;
  return best;
}

/**
 * @param cosYes cosines with the yes features, [C], C >= 1
 * @param cosNo cosines with the no features, [C]
 * @param scale logit scale; CLIPN's constant is 100
 * @throws RangeError when there is no class, the lengths differ, or anything is not finite
 */
export function probabilities(cosYes: ArrayLike<number>, cosNo: ArrayLike<number>, scale: number): Probabilities {
  const count = cosYes.length;
  if (count === 0) throw new RangeError('at least one class is needed');
  if (cosNo.length !== count) throw new RangeError(`${count} yes cosines but ${cosNo.length} no cosines`);
  const p = new Float64Array(count);
  const pNo = new Float64Array(count);
  const top = scale * (cosYes[argMax(cosYes)] as number);
  let sum = 0;
  for (let j = 0; j < count; j++) {
    const yes = scale * (cosYes[j] as number);
    const no = scale * (cosNo[j] as number);
    if (!Number.isFinite(yes) || !Number.isFinite(no))
      throw new RangeError(`the logits of class ${j} are not finite: ${yes}, ${no}`);
    const e = Math.exp(yes - top);
    p[j] = e;
    sum += e;
    pNo[j] = sigmoid(no - yes);
  }
  // 1 - sum (1 - pNo) p equals sum pNo p, because the p sum to one; this form is exact for small values
  let pOod = 0;
  for (let j = 0; j < count; j++) {
    p[j] = (p[j] as number) / sum;
    pOod += (pNo[j] as number) * (p[j] as number);
  }
  return { p, pNo, pOod: Math.min(1, pOod), logSumExp: top + Math.log(sum) };
}
