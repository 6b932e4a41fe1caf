import type { CapturedImage } from './types.ts';

/** The choices of the reviewer; an empty text does not filter. */
export interface ImageFilter {
  reason: string;
  rule: 'own' | keyof CapturedImage['verdict']['decisions'];
  decision: string;
  band: string;
  /** The predicted class. */
  class: string;
  /** The day from which images are shown, as `2026-01-31`. */
  since: string;
  labelled: '' | 'yes' | 'no';
}

export const EVERYTHING: ImageFilter = {
  reason: '',
  rule: 'own',
  decision: '',
  band: '',
  class: '',
  since: '',
  labelled: '',
};

export function passes({ reason, captured_at, verdict, label }: CapturedImage, filter: ImageFilter): boolean {
  const decision = filter.rule === 'own' ? verdict.decision : verdict.decisions[filter.rule];
  return (
    (filter.reason === '' || reason === filter.reason) &&
    (filter.decision === '' || decision === filter.decision) &&
    (filter.band === '' || verdict.band === filter.band) &&
    (filter.class === '' || verdict.prediction.class === filter.class) &&
    (filter.since === '' || captured_at.slice(0, 10) >= filter.since) &&
    (filter.labelled === '' || (label !== null) === (filter.labelled === 'yes'))
  );
}
