import type { Row, ScoredRow } from '../../src/evaluation/rows.ts';

/** Numbers in [0, 1) that depend on the seed only. */
export function randoms(seed: number): () => number {
  let state = (seed * 2654435761) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** A made row: ID where a class is given. Scores of ID images are higher; the decisions follow them. */
export function madeRow(set: string, i: number, random: () => number, own?: number): ScoredRow {
  const lift = own === undefined ? 0 : 0.3;
  const share = () => Math.min(1, random() * 0.7 + lift);
  const [ctw, atd] = [share(), share()];
  const decision = (score: number) => (score < 0.5 ? 'ood' : 'id') as 'ood' | 'id';
  return {
    set,
    path: `${own ?? 'x'}/${String(i).padStart(7, '0')}.jpg`,
    bytes: 1000 + i,
    mtime_ms: 1e12 + i,
    ...(own === undefined ? {} : { class: own }),
    index: Math.floor(random() * 3),
    scores: { ctw, atd, msp: share(), max_logit: 20 + 10 * share(), energy: 21 + 10 * share(), mcm: share() },
    decisions: { ctw: decision(ctw), atd: decision(atd), atd_rescaled: decision(Math.min(ctw, atd)) },
  };
}

/** An image that could not be opened. */
export function failedRow(set: string, i: number, code = 'image_undecodable'): Row {
  return { set, path: `bad/${i}.jpg`, bytes: i, mtime_ms: i, error: { code, detail: `number ${i} is damaged` } };
}
