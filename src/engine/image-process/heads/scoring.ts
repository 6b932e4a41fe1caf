import { assess, topK } from '../../../clipn/index.ts';
import type { Detection } from '../../shared/types.ts';

export type Scored = Omit<Detection, 'image' | 'timing' | 'cache'>;

/** Cosines of one image with a head's yes and no rows, [C] each, to CLIPN's verdict with the `k` likeliest classes. */
export function scoredBy(cosYes: ArrayLike<number>, cosNo: ArrayLike<number>, scale: number, k: number): Scored {
  const a = assess(cosYes, cosNo, scale);
  const at = (index: number) => ({
    index,
    probability: a.p[index] as number,
    noProbability: a.pNo[index] as number,
  });
  return {
    ...at(a.index),
    oodProbability: a.pOod,
    decisions: a.decisions,
    scores: a.scores,
    top: topK(a, k).map(at),
  };
}
