import type { Method } from '../clipn/index.ts';
import type { Detection } from '../engine/index.ts';
import type { JudgedImage } from '../serving/detect-images.ts';
import type { Verdict } from './schemas/detect.ts';

/** A verdict as `/v1/detect` and `clipn-gate detect --json` return it, with the names of classes. */
export function verdictOf(
  { id, decision, detection: d }: Extract<JudgedImage, { detection: Detection }>,
  method: Method,
  classes: readonly string[],
): Verdict {
  const name = (index: number) => classes[index] as string;
  return {
    id,
    decision,
    method,
    prediction: { class: name(d.index), index: d.index, probability: d.probability },
    no_probability: d.noProbability,
    ood_probability: d.oodProbability,
    decisions: d.decisions,
    scores: d.scores,
    top: d.top.map((t) => ({
      class: name(t.index),
      index: t.index,
      probability: t.probability,
      no_probability: t.noProbability,
    })),
    image: imageOf(d.image),
  };
}

/** Adds the number of pictures if the file has several; the first one was judged. */
const imageOf = ({ frames, ...image }: Detection['image']) => (frames > 1 ? { ...image, frames } : image);
