import type { CalibrationScore } from '../api/types.ts';
import type { CapturedImage } from './types.ts';

/** A labelled image with its score and the number of verdicts that it stands for. */
interface Scored {
  score: number;
  weight: number;
}

export interface KeepErrors {
  /** Null with too few labelled images for a threshold. */
  threshold: number | null;
  falseRefusals: number | null;
  falseAcceptances: number | null;
  ofClasses: number;
  ofNone: number;
}

/**
 * The errors of a threshold that keeps at least `keep` of images like the labelled ones of the classes: the split conformal threshold of
 * these labels, as the service would set it. Shares are weighted by the probabilities of the draws. The threshold is measured on the images
 * that it is made from, so its share of false refusals is somewhat too good.
 */
export function keepErrors(images: readonly CapturedImage[], score: CalibrationScore, keep: number): KeepErrors {
  const scored = (kind: 'class' | 'none'): Scored[] =>
    images
      .filter(({ label }) => label?.kind === kind)
      .map(({ verdict, sampling }) => ({ score: verdict.scores[score] ?? Number.NaN, weight: sampling.weight }));
  const ofClasses = scored('class');
  const ofNone = scored('none');
  const ascending = ofClasses.map((s) => s.score).sort((a, b) => a - b);
  const rank = Math.floor((ascending.length + 1) * (1 - keep) + 1e-9);
  const threshold = rank === 0 ? null : (ascending[rank - 1] as number);
  const sizes = { ofClasses: ofClasses.length, ofNone: ofNone.length };
  if (threshold === null) return { threshold, falseRefusals: null, falseAcceptances: null, ...sizes };
  return {
    threshold,
    falseRefusals: share(ofClasses, (s) => s.score < threshold),
    falseAcceptances: share(ofNone, (s) => s.score >= threshold),
    ...sizes,
  };
}

function share(images: readonly Scored[], counts: (image: Scored) => boolean): number | null {
  const sum = (some: readonly Scored[]) => some.reduce((total, { weight }) => total + weight, 0);
  return images.length === 0 ? null : sum(images.filter(counts)) / sum(images);
}
