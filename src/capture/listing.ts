import type { CaptureRecord } from './capture-record.ts';

export interface CaptureFilter {
  /** Reason for which the image was kept. */
  reason?: string | undefined;
  /** Decision of `rule`, or of the tenant's own rule. */
  decision?: 'id' | 'ood' | undefined;
  rule?: keyof CaptureRecord['decisions'] | undefined;
  /** Name of the predicted class. */
  class?: string | undefined;
  /** RFC 3339: kept at this time or later, and before this time. */
  since?: string | undefined;
  until?: string | undefined;
}

export interface CapturePage extends CaptureFilter {
  /** `next` of the previous page. */
  after?: string | undefined;
  limit: number;
  /** A further condition. */
  keep?: ((record: CaptureRecord) => boolean) | undefined;
}

/** The place of an image in the order of lists; the newest image has the highest. */
const placeOf = ({ captured_at, key }: CaptureRecord): string => `${captured_at} ${key}`;

/** A page of the images that pass, the newest first. `passing` has the images of all pages. */
export function pageOf(
  records: Iterable<CaptureRecord>,
  { after, limit, keep = () => true, ...filter }: CapturePage,
): { images: CaptureRecord[]; next: string | null; passing: CaptureRecord[] } {
  const passing = [...records].filter((record) => passes(record, filter) && keep(record));
  const ordered = passing
    .filter((record) => after === undefined || placeOf(record) < after)
    .sort((a, b) => (placeOf(a) < placeOf(b) ? 1 : -1));
  const images = ordered.slice(0, limit);
  const last = images.at(-1);
  return { images, next: ordered.length > limit && last ? placeOf(last) : null, passing };
}

function passes(record: CaptureRecord, { reason, decision, rule, class: name, since, until }: CaptureFilter): boolean {
  const decided = rule === undefined ? record.decision : record.decisions[rule];
  const at = Date.parse(record.captured_at);
  return (
    (reason === undefined || record.reason === reason) &&
    (decision === undefined || decided === decision) &&
    (name === undefined || record.prediction.class === name) &&
    (since === undefined || at >= Date.parse(since)) &&
    (until === undefined || at < Date.parse(until))
  );
}
