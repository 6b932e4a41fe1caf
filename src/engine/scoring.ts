import { assess, topK } from '../clipn/index.ts';
import type { Detection, Head } from './types.ts';

/** Cosines of one unit feature (float32 [D]) with the unit rows of a matrix [C * D], accumulated in float64: float64 [C]. */
export function cosines(feature: Float32Array, rows: Float32Array): Float64Array {
  const width = feature.length;
  const out = new Float64Array(rows.length / width);
  for (let c = 0, at = 0; c < out.length; c++) {
    let a = 0;
    let b = 0;
    let i = 0;
    for (; i + 1 < width; i += 2, at += 2) {
      a += (feature[i] as number) * (rows[at] as number);
      b += (feature[i + 1] as number) * (rows[at + 1] as number);
    }
    for (; i < width; i++, at++) a += (feature[i] as number) * (rows[at] as number);
    out[c] = a + b;
  }
  return out;
}

export type Verdict = Omit<Detection, 'image' | 'timing'>;

/** One image against one head: CLIPN's probabilities, decisions and scores, and the `k` likeliest classes. */
export function score(feature: Float32Array, head: Head, scale: number, k: number): Verdict {
  const a = assess(cosines(feature, head.yes), cosines(feature, head.no), scale);
  const at = (index: number) => ({
    index,
    probability: a.p[index] as number,
    noProbability: a.pNo[index] as number,
  });
  return {
    ...at(a.index),
    oodProbability: a.pOod,
    decisions: a.decisions,
    scores: a.scores,
    top: topK(a, k).map(at),
  };
}
