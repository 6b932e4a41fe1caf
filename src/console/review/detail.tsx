import { bytes, percent, when } from '../format.ts';
import { LooksLike } from '../ui/looks-like.tsx';
import { LabelBadge } from './label-badge.tsx';
import { Picture } from './picture.tsx';
import { describe, REASONS, reasonOf } from './reason.ts';
import type { CapturedImage } from './types.ts';

export const RULE_NAMES: Record<string, string> = {
  ctw: 'CTW',
  atd: 'ATD',
  atd_rescaled: 'ATD, rescaled',
  neglabel: 'negative labels',
  csp: 'conjugated pool',
  combined: 'combined',
  calibrated: 'calibrated',
};

/** One image, large enough to judge, with its verdict and the reason beside it. */
export function Detail({ tenant, image }: { tenant: string; image: CapturedImage }) {
  const { verdict, sampling } = image;
  return (
    <section class="review-detail" aria-label="Chosen image">
      <div class="large">
        <Picture key={image.sha256} tenant={tenant} image={image} alt={describe(image)} />
      </div>
      <div class="facts">
        <p>
          <span class={`badge ${verdict.decision}`}>
            {verdict.decision === 'ood' ? 'refused' : verdict.prediction.class}
          </span>{' '}
          <LabelBadge label={image.label} />
        </p>
        <p>{reasonOf(image)}</p>
        <p class="faint">{REASONS[image.reason]}</p>
        <LooksLike words={verdict.looks_like} />
        <ul>
          {Object.entries(verdict.decisions).map(([rule, decision]) => (
            <li key={rule}>
              {RULE_NAMES[rule] ?? rule}: {decision === 'ood' ? 'refuses' : 'accepts'}
            </li>
          ))}
          {verdict.band !== undefined && <li>band: {verdict.band}</li>}
        </ul>
        <p class="faint">
          {when(image.captured_at)} · {image.width} × {image.height} · {image.format} · {bytes(image.bytes)} · drawn
          with a probability of {percent(sampling.probability)}
        </p>
      </div>
    </section>
  );
}
