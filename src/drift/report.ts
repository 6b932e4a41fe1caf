import type { Counts } from './counts.ts';
import { deciles, grouped, psi, psiOfChance, type Share, wilson } from './statistics.ts';

/** A window that the operator has pinned as normal. */
export interface Baseline {
  pinnedAt: string;
  tenantVersion: number;
  counts: Counts;
}

/** A stability index, and its average if nothing had changed. */
export interface Index {
  value: number;
  ofChance: number;
}

export interface DriftReport {
  images: number;
  oodRate: Share;
  baseline?: { pinnedAt: string; tenantVersion: number; images: number; oodRate: Share };
  /** Undefined without a baseline, and while the baseline or the window has too few images. */
  psi?: { noProbability: Index; predictedClass: Index };
  verdict: 'no_baseline' | 'few_images' | 'stable' | 'moderate' | 'shifted';
}

/** Fewest images for an index. With fewer, chance alone would bring the index near the thresholds below. */
export const FEWEST_IMAGES = 200;
/** Number of classes with a bin of their own; the rest, rarest in the baseline, share one bin. */
const CLASSES = 19;
const MODERATE = 0.1;
const SHIFTED = 0.25;

function ofNoProbability(baseline: Counts, current: Counts): Index {
  const groups = deciles(baseline.no_probability);
  const bins = grouped(baseline.no_probability, groups);
  return {
    value: psi(bins, grouped(current.no_probability, groups)),
    ofChance: psiOfChance(bins.length, baseline.images, current.images),
  };
}

function ofClasses(baseline: Counts, current: Counts): Index {
  const common = Object.entries(baseline.classes)
    .sort(([, a], [, b]) => b - a)
    .slice(0, CLASSES)
    .map(([name]) => name);
  const bins = (counts: Counts) => {
    const of = new Map(Object.entries(counts.classes));
    const named = common.map((name) => of.get(name) ?? 0);
    return [...named, counts.images - named.reduce((total, n) => total + n, 0)];
  };
  return {
    value: psi(bins(baseline), bins(current)),
    ofChance: psiOfChance(common.length + 1, baseline.images, current.images),
  };
}

/** Whether two shares differ by more than chance explains: their confidence intervals do not overlap. */
export const apart = (a: Share, b: Share): boolean => a.low > b.high || a.high < b.low;

export function driftReport(current: Counts, baseline: Baseline | undefined): DriftReport {
  const { images, ood } = current;
  const oodRate = wilson(ood, images);
  if (!baseline) return { images, oodRate, verdict: 'no_baseline' };
  const { counts, pinnedAt, tenantVersion } = baseline;
  const normal = { pinnedAt, tenantVersion, images: counts.images, oodRate: wilson(counts.ood, counts.images) };
  if (images < FEWEST_IMAGES || counts.images < FEWEST_IMAGES)
    return { images, oodRate, baseline: normal, verdict: 'few_images' };
  const index = { noProbability: ofNoProbability(counts, current), predictedClass: ofClasses(counts, current) };
  // the part of the index that chance explains is not drift
  const worst = Math.max(...Object.values(index).map(({ value, ofChance }) => value - ofChance));
  const shifted = worst > SHIFTED || apart(oodRate, normal.oodRate);
  return {
    images,
    oodRate,
    baseline: normal,
    psi: index,
    verdict: shifted ? 'shifted' : worst > MODERATE ? 'moderate' : 'stable',
  };
}
