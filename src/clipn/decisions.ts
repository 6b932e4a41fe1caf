import { type AgainstNegatives, combinedScore } from './negatives.ts';
import { argMax, type Probabilities } from './probabilities.ts';

export type Decision = 'id' | 'ood';

/** The rules without a threshold. */
export const METHODS = ['ctw', 'atd', 'atd-rescaled'] as const;
export type Method = (typeof METHODS)[number];

/** The rules without a threshold that need negative labels (negatives.ts). */
export const NEGATIVE_METHODS = ['neglabel', 'csp', 'combined'] as const;
export type NegativeMethod = (typeof NEGATIVE_METHODS)[number];

/** The rules without a threshold, and the one by a tenant's calibration (conformal.ts). */
export const RULES = [...METHODS, ...NEGATIVE_METHODS, 'calibrated'] as const;
export type Rule = (typeof RULES)[number];

/** A rule without a threshold. */
export type FreeRule = Method | NegativeMethod;

export interface Decisions {
  ctw: Decision;
  atd: Decision;
  atd_rescaled: Decision;
  /** Absent without a calibration that applies. */
  calibrated?: Decision;
  /** Absent without negative labels, like the next two. */
  neglabel?: Decision;
  csp?: Decision;
  combined?: Decision;
}

/** The member of `Decisions` that a rule has. */
export type DecisionKey<R extends Rule = Rule> = R extends 'atd-rescaled' ? 'atd_rescaled' : R;

/** The name of a rule as a member of `Decisions`. */
export function decisionKey<R extends Rule>(rule: R): DecisionKey<R> {
  return (rule === 'atd-rescaled' ? 'atd_rescaled' : rule) as DecisionKey<R>;
}

/** The decision of the named rule; undefined for a rule that needs a calibration or negative labels, without them. */
export function decisionIn(decisions: Decisions, rule: Rule): Decision | undefined {
  return decisions[decisionKey(rule)];
}

/**
 * The decision of the named rule.
 * @throws RangeError for `calibrated` without a calibration, and for a rule of negative labels without them; callers resolve the rule first
 */
export function decisionOf(decisions: Decisions, rule: Rule): Decision {
  const decision = decisionIn(decisions, rule);
  if (decision === undefined) throw new RangeError(`there is no decision of the rule ${rule}`);
  return decision;
}

/**
 * CLIPN's decisions without any threshold to tune (paper, section 3.4):
 * - CTW, competing to win: the likeliest class j* must beat its own "no": OOD iff p^no_{j*} > 0.5.
 * - ATD, agreeing to differ, as the paper states it: OOD iff p_{C+1} > max_j p_j. With one class it never rejects.
 * - ATD rescaled: the ID probabilities shrink as well, so that the C+1 numbers sum to one:
 *   OOD iff p_{C+1} > max_j (1 - p^no_j) p_j. It rejects every image that ATD rejects; with one class it equals CTW.
 */
export function decide({ p, pNo, pOod }: Probabilities): Decisions {
  const best = argMax(p);
  let bestKept = 0;
  for (let j = 0; j < p.length; j++) bestKept = Math.max(bestKept, (1 - (pNo[j] as number)) * (p[j] as number));
  const of = (ood: boolean): Decision => (ood ? 'ood' : 'id');
  return {
    ctw: of((pNo[best] as number) > 0.5),
    atd: of(pOod > (p[best] as number)),
    atd_rescaled: of(pOod > bestKept),
  };
}

/**
 * The decisions by negative labels, without a threshold to tune: each score is a probability that the image is of the classes, so
 * OOD iff it is below one half. For `neglabel` and `csp` that means: in the mean over the groups the negative labels hold more than the classes.
 * `combined` uses the conjugated pool where there is one.
 */
export function decideByNegatives(
  probabilities: Probabilities,
  { neglabel, csp }: AgainstNegatives,
): Pick<Decisions, NegativeMethod> {
  const negative = csp ?? neglabel;
  const of = (score: number): Decision => (score < 0.5 ? 'ood' : 'id');
  return {
    ...(neglabel && { neglabel: of(neglabel.score) }),
    ...(csp && { csp: of(csp.score) }),
    ...(negative && { combined: of(combinedScore(probabilities, negative)) }),
  };
}
