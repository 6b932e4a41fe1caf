import { assess, combinedScore, decideByNegatives, logitGap, negativeShares, topK } from '../../../clipn/index.ts';
import { defined } from '../../../defined.ts';
import type { Detection } from '../../shared/types.ts';

export type Scored = Omit<Detection, 'image' | 'timing' | 'cache'>;

/** Cosines of one image with a tenant's negative labels. */
export interface NegativeCosines {
  neglabel: ArrayLike<number>;
  csp?: ArrayLike<number>;
  groups: number;
}

/**
 * Cosines of one image with a head's yes and no rows, [C] each, to CLIPN's verdict with the `k` likeliest classes.
 * @param negatives adds the scores and decisions by negative labels; without them the verdict has none
 */
export function scoredBy(
  cosYes: ArrayLike<number>,
  cosNo: ArrayLike<number>,
  scale: number,
  k: number,
  negatives?: NegativeCosines | null,
): Scored {
  const a = assess(cosYes, cosNo, scale);
  const at = (index: number) => ({
    index,
    probability: a.p[index] as number,
    noProbability: a.pNo[index] as number,
  });
  const scored = {
    ...at(a.index),
    oodProbability: a.pOod,
    decisions: a.decisions,
    scores: a.scores,
    top: topK(a, k).map(at),
  };
  if (!negatives) return scored;
  const { neglabel, csp, groups } = negatives;
  const shares = negativeShares(cosYes, scale, groups);
  const against = { neglabel: shares(neglabel), ...defined({ csp: csp && shares(csp) }) };
  return {
    ...scored,
    decisions: { ...a.decisions, ...decideByNegatives(a, against) },
    scores: {
      ...a.scores,
      neglabel: against.neglabel.score,
      ...defined({ csp: against.csp?.score }),
      combined: combinedScore(a, against.csp ?? against.neglabel),
      logit_gap: logitGap(cosYes, scale),
    },
  };
}
