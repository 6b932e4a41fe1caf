import { percent } from '../format.ts';
import type { CapturedImage } from './types.ts';

/** Why images are kept, for people. */
export const REASONS: Record<CapturedImage['reason'], string> = {
  uncertain: 'Kept because the calibration is uncertain about it.',
  disagreeing: 'Kept because the rules decide differently.',
  out: 'Kept because it was refused.',
  rest: 'Kept at random among the images that the rules accept.',
};

/** The reason for the decision of the tenant's rule, in one sentence. */
export function reasonOf({ verdict }: CapturedImage): string {
  const { method, decision, prediction, no_probability, ood_probability, p_value } = verdict;
  const looks = `Among the classes it looks most like “${prediction.class}” (${percent(prediction.probability)})`;
  const ood = decision === 'ood';
  if (method === 'ctw') {
    const no = percent(no_probability);
    return ood ? `${looks}, but its “no” is ${no}, more than half.` : `${looks}, and its “no” is only ${no}.`;
  }
  if (method === 'calibrated') {
    const p = percent(p_value ?? 0);
    return `${looks}. ${p} of the calibration's images look no more like the classes than this one, so it is ${ood ? 'refused' : 'accepted'}.`;
  }
  const none = percent(ood_probability);
  return ood
    ? `${looks}, but “none of these” is larger: ${none}.`
    : `${looks}, and “none of these” is smaller: ${none}.`;
}

/** The text of a picture for those who do not see it. */
export function describe({ verdict, label }: CapturedImage): string {
  const decided = verdict.decision === 'ood' ? 'refused' : 'accepted';
  const labelled = label ? `, labelled ${label.label}` : '';
  return `${decided}, looks most like ${verdict.prediction.class}${labelled}`;
}
