import { argMax, type Probabilities } from './probabilities.ts';

/** Scores that an image has where its tenant has negative labels, beside those of every image. */
export interface MoreScores {
  /** NegLabel (Jiang et al. 2024), in [0, 1]. */
  neglabel?: number;
  /** CSP (Chen et al. 2024), in [0, 1], where the labels have the conjugated pool. */
  csp?: number;
  /** The probability of the combined rule, see `combinedScore`. */
  combined?: number;
  /** LogitGap over all classes. */
  logit_gap?: number;
  /** Where the bundle's image graph gives the features of patches. */
  gl_mcm?: number;
}

/** Continuous scores, higher means more in-distribution. */
export interface Scores extends MoreScores {
  /** 1 - p^no_{j*}, as in CLIPN's official evaluation. */
  ctw: number;
  /** sum_j (1 - p^no_j) p_j = 1 - p_{C+1}, as in CLIPN's official evaluation. */
  atd: number;
  /** Maximum softmax probability (Hendrycks and Gimpel 2017), max_j p_j. */
  msp: number;
  /** Largest logit (Hendrycks et al. 2022), max_j scale s_j. */
  max_logit: number;
  /** Energy (Liu et al. 2020), log sum_j exp(scale s_j). */
  energy: number;
  /** Maximum concept matching (Ming et al. 2022), max_j softmax_j(s / T), T = 1 on raw cosines. */
  mcm: number;
}

export const MORE_SCORES = [
  'neglabel',
  'csp',
  'combined',
  'logit_gap',
  'gl_mcm',
] as const satisfies readonly (keyof MoreScores)[];

/** The scores of every image. */
export const SCORES = ['ctw', 'atd', 'msp', 'max_logit', 'energy', 'mcm'] as const satisfies readonly (keyof Scores)[];
export type ScoreName = (typeof SCORES)[number];

/** All scores; an image may lack those of `MORE_SCORES`. */
export const ALL_SCORES = [...SCORES, ...MORE_SCORES] as const;
export type AnyScore = (typeof ALL_SCORES)[number];

export function scores(cosYes: ArrayLike<number>, scale: number, { p, pNo, pOod, logSumExp }: Probabilities): Scores {
  const best = argMax(p);
  const top = cosYes[best] as number;
  let sum = 0;
  for (let j = 0; j < p.length; j++) sum += Math.exp((cosYes[j] as number) - top);
  return {
    ctw: 1 - (pNo[best] as number),
    atd: 1 - pOod,
    msp: p[best] as number,
    max_logit: scale * top,
    energy: logSumExp,
    mcm: 1 / sum,
  };
}
