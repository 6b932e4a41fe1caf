/**
 * How well a score separates images of the classes (ID) from others (OOD). Higher scores mean more in-distribution. Float64
 * throughout; tied scores are one threshold, as in scikit-learn. Every figure is a share between 0 and 1.
 */

/** Numbers of accepted images at each distinct value of a score, from the highest down. */
export interface Curve {
  /** Number of ID and of OOD images, both at least one. */
  idCount: number;
  oodCount: number;
  /** ID images with at least the i-th highest distinct score, [k + 1]. The first entry is 0 (nothing accepted), the last is all. */
  idAccepted: Uint32Array;
  /** The same for OOD images, [k + 1]. */
  oodAccepted: Uint32Array;
}

function sorted(what: string, scores: ArrayLike<number>): Float64Array {
  if (scores.length === 0) throw new RangeError(`there are no ${what} scores`);
  const copy = Float64Array.from(scores).sort();
  // in a sorted array infinities are at the ends and NaN is last
  if (!Number.isFinite(copy[0]) || !Number.isFinite(copy.at(-1)))
    throw new RangeError(`${what} scores must be finite numbers`);
  return copy;
}

/**
 * @param id scores of the images that show one of the classes, [n], n >= 1
 * @param ood scores of the others, [m], m >= 1
 * @throws RangeError if one of the two is empty, or a score is not finite
 */
export function curveOf(id: ArrayLike<number>, ood: ArrayLike<number>): Curve {
  const a = sorted('ID', id);
  const b = sorted('OOD', ood);
  const idAccepted = new Uint32Array(a.length + b.length + 1);
  const oodAccepted = new Uint32Array(a.length + b.length + 1);
  let points = 1;
  for (let i = a.length, j = b.length; i > 0 || j > 0; points++) {
    const threshold = Math.max(i > 0 ? (a[i - 1] as number) : -Infinity, j > 0 ? (b[j - 1] as number) : -Infinity);
    while (i > 0 && a[i - 1] === threshold) i--;
    while (j > 0 && b[j - 1] === threshold) j--;
    idAccepted[points] = a.length - i;
    oodAccepted[points] = b.length - j;
  }
  return {
    idCount: a.length,
    oodCount: b.length,
    idAccepted: idAccepted.slice(0, points),
    oodAccepted: oodAccepted.slice(0, points),
  };
}

/**
 * Area under the ROC curve: the probability that an ID image scores above an OOD image, ties counted half
 * (Mann-Whitney; equals scikit-learn's roc_auc_score).
 */
export function auroc({ idCount, oodCount, idAccepted, oodAccepted }: Curve): number {
  let pairs = 0;
  for (let i = 1; i < idAccepted.length; i++) {
    const ood = (oodAccepted[i] as number) - (oodAccepted[i - 1] as number);
    pairs += (ood * ((idAccepted[i] as number) + (idAccepted[i - 1] as number))) / 2;
  }
  return pairs / (idCount * oodCount);
}

const LEVEL = 0.95;

/**
 * FPR95 as CLIPN, MCM and NegLabel report it: the share of OOD images accepted when 95 % of the ID images are. The ROC curve is
 * interpolated linearly at a true positive rate of 0.95; on a horizontal part its far end counts. CLIPN's
 * evaluation does the same, with scipy's `interp1d(tpr, fpr)(0.95)` on scikit-learn's `roc_curve`.
 */
export function fpr95OodAccepted({ idCount, oodCount, idAccepted, oodAccepted }: Curve): number {
  let i = 0;
  while ((idAccepted[i + 1] as number) / idCount <= LEVEL) i++;
  const x = (idAccepted[i] as number) / idCount;
  const y = (oodAccepted[i] as number) / oodCount;
  const slope = ((oodAccepted[i + 1] as number) / oodCount - y) / ((idAccepted[i + 1] as number) / idCount - x);
  return slope * (LEVEL - x) + y;
}

/**
 * FPR95 as OpenOOD and pytorch-ood report it: OOD is the positive class; the share of ID images rejected at the first threshold
 * that rejects at least 95 % of the OOD images. Nothing is interpolated.
 */
export function fpr95IdRejected({ idCount, oodCount, idAccepted, oodAccepted }: Curve): number {
  let i = oodAccepted.length - 1;
  while ((oodCount - (oodAccepted[i] as number)) / oodCount < LEVEL) i--;
  return (idCount - (idAccepted[i] as number)) / idCount;
}

/**
 * Area under the precision-recall curve with ID as the positive class: average precision, sum_n (R_n - R_{n-1}) P_n over
 * thresholds, as scikit-learn's average_precision_score. OpenOOD and pytorch-ood connect the points by straight lines
 * (trapezoids), which is slightly optimistic. The figures differ slightly for few images.
 */
export function auprIn({ idCount, idAccepted, oodAccepted }: Curve): number {
  let sum = 0;
  for (let i = 1; i < idAccepted.length; i++) {
    const hits = idAccepted[i] as number;
    sum += ((hits - (idAccepted[i - 1] as number)) * hits) / (hits + (oodAccepted[i] as number));
  }
  return sum / idCount;
}

/** The same with OOD as the positive class and the scores negated: the precision of rejections. */
export function auprOut({ idCount, oodCount, idAccepted, oodAccepted }: Curve): number {
  let sum = 0;
  for (let i = oodAccepted.length - 2; i >= 0; i--) {
    const hits = oodCount - (oodAccepted[i] as number);
    const fresh = (oodAccepted[i + 1] as number) - (oodAccepted[i] as number);
    sum += (fresh * hits) / (hits + idCount - (idAccepted[i] as number));
  }
  return sum / oodCount;
}

/** Figures of a continuous score against one OOD set. */
export interface ScoreFigures {
  auroc: number;
  fpr95_ood_accepted: number;
  fpr95_id_rejected: number;
  aupr_in: number;
  aupr_out: number;
}

export function scoreFigures(curve: Curve): ScoreFigures {
  return {
    auroc: auroc(curve),
    fpr95_ood_accepted: fpr95OodAccepted(curve),
    fpr95_id_rejected: fpr95IdRejected(curve),
    aupr_in: auprIn(curve),
    aupr_out: auprOut(curve),
  };
}

/** Figures of a threshold-free rule: it has one operating point and no curve. */
export interface RuleFigures {
  /** Share of ID images that the rule keeps. */
  id_kept: number;
  /** Share of OOD images that it rejects. */
  ood_caught: number;
  /** Mean of the two. A coin has 0.5, whatever the numbers of images are. */
  balanced_accuracy: number;
}

/** @throws RangeError if there are no ID or no OOD images */
export function ruleFigures(id: { kept: number; of: number }, ood: { caught: number; of: number }): RuleFigures {
  if (id.of < 1 || ood.of < 1) throw new RangeError('a rule is measured on at least one ID and one OOD image');
  const kept = id.kept / id.of;
  const caught = ood.caught / ood.of;
  return { id_kept: kept, ood_caught: caught, balanced_accuracy: (kept + caught) / 2 };
}
