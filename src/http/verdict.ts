import type { Rule } from '../clipn/index.ts';
import type { Detection } from '../engine/index.ts';
import type { JudgedImage } from '../serving/detect-images.ts';
import type { ServingCalibration } from '../tenants/calibration/serving.ts';
import type { Verdict } from './schemas/detect.ts';

/** A verdict as `/v1/detect` and `clipn-gate detect --json` return it, with the names of classes. */
export function verdictOf(
  { id, decision, detection: d, calibrated, looksLike }: Extract<JudgedImage, { detection: Detection }>,
  method: Rule,
  { classes, calibration }: { classes: readonly string[]; calibration?: ServingCalibration | undefined },
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
    ...(calibrated && { p_value: calibrated.pValue, band: calibrated.band }),
    ...(calibration && { calibration: calibrationOf(calibration) }),
    top: d.top.map((t) => ({
      class: name(t.index),
      index: t.index,
      probability: t.probability,
      no_probability: t.noProbability,
    })),
    ...(looksLike && { looks_like: looksLike }),
    image: imageOf(d.image),
  };
}

const calibrationOf = ({ stale, version }: ServingCalibration): NonNullable<Verdict['calibration']> =>
  stale ? { state: 'stale', version, stale_because: stale } : { state: 'current', version };

/** Adds the number of pictures if the file has several; the first one was judged. */
const imageOf = ({ frames, ...image }: Detection['image']) => (frames > 1 ? { ...image, frames } : image);
