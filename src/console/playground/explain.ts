import type { Method, Verdict } from '../api/types.ts';
import { percent } from '../format.ts';

export const METHOD_NAMES: Record<Method, string> = {
  ctw: 'competing to win',
  atd: 'agreeing to differ',
  'atd-rescaled': 'agreeing to differ, rescaled',
  neglabel: 'classes against negative labels',
  csp: 'classes against the conjugated pool',
  combined: 'the “no” and the negative labels together',
  calibrated: "by the tenant's calibration",
};
/** The rules that every tenant has. */
export const METHODS: Method[] = ['ctw', 'atd', 'atd-rescaled'];
const BY_NEGATIVES = ['neglabel', 'csp', 'combined'] as const;

const BY = {
  neglabel: 'against the negative labels',
  csp: 'against the conjugated pool',
  combined: 'against the negative labels and their own “no”',
};

/** The rules of a tenant with these negative labels. */
export function methodsOf(negatives: { pool?: boolean } | undefined): Method[] {
  if (!negatives) return METHODS;
  return [...METHODS, ...BY_NEGATIVES.filter((method) => method !== 'csp' || negatives.pool)];
}

/** The rules without a threshold that the verdict has a decision of. */
export const methodsIn = ({ decisions }: Pick<Verdict, 'decisions'>): Method[] => [
  ...METHODS,
  ...BY_NEGATIVES.filter((method) => decisions[method] !== undefined),
];

/** The probability that the image is of the classes, by a rule of negative labels. */
function shareOf({ scores }: Verdict, method: Method): number | undefined {
  return method === 'neglabel' || method === 'csp' || method === 'combined' ? scores[method] : undefined;
}

export function decisionOf(verdict: Verdict, method: Method): 'id' | 'ood' {
  // a verdict that the calibrated rule decided has its decision
  return verdict.decisions[method === 'atd-rescaled' ? 'atd_rescaled' : method] ?? verdict.decision;
}

/** The largest probability after the "no": max (1 - p^no) p among the shown classes. */
export const bestKept = ({ top }: Pick<Verdict, 'top'>) =>
  Math.max(0, ...top.map((c) => (1 - c.no_probability) * c.probability));

export interface RuleComparison {
  /** The number against the classes, and the limit that it must exceed. */
  against: { label: string; value: number };
  limit: { label: string; value: number };
}

/** The two numbers that the rule compares. The image is OOD if the first is greater. */
export function comparison(verdict: Verdict, method: Method): RuleComparison {
  const none = { label: 'none of these', value: verdict.ood_probability };
  const { class: name, probability } = verdict.prediction;
  const share = shareOf(verdict, method);
  if (share !== undefined) {
    return {
      against: { label: 'something else', value: 1 - share },
      limit: { label: 'one half', value: 0.5 },
    };
  }
  if (method === 'ctw') {
    return {
      against: { label: `“no” to ${name}`, value: verdict.no_probability },
      limit: { label: 'one half', value: 0.5 },
    };
  }
  if (method === 'atd') return { against: none, limit: { label: name, value: probability } };
  return { against: none, limit: { label: 'best class after its “no”', value: bestKept(verdict) } };
}

/** The reason for the decision, in one sentence. */
export function reason(verdict: Verdict, method: Method): string {
  const { class: name, probability } = verdict.prediction;
  const ood = decisionOf(verdict, method) === 'ood';
  const looks = `Among the classes it looks most like “${name}” (${percent(probability)})`;
  const no = percent(verdict.no_probability);
  const none = percent(verdict.ood_probability);
  if (method === 'ctw') {
    return ood ? `${looks}, but its “no” is ${no}, more than half.` : `${looks}, and its “no” is only ${no}.`;
  }
  if (method === 'atd') {
    return ood
      ? `${looks}, but “none of these” is larger: ${none}.`
      : `${looks}, and “none of these” is smaller: ${none}.`;
  }
  const share = shareOf(verdict, method);
  if (share !== undefined)
    return `${looks}, and ${BY[method as keyof typeof BY]} the classes hold ${percent(share)}, ${ood ? 'less' : 'no less'} than half.`;
  if (method === 'calibrated') {
    const p = percent(verdict.p_value ?? 0);
    return `${looks}. ${p} of the calibration's images look no more like the classes than this one, so it is ${ood ? 'refused' : 'accepted'}.`;
  }
  const kept = percent(bestKept(verdict));
  return ood
    ? `${looks}. After the “no” of each class the best one keeps ${kept}, and “none of these” is larger: ${none}.`
    : `${looks}. After the “no” of each class the best one keeps ${kept}, and “none of these” is smaller: ${none}.`;
}
