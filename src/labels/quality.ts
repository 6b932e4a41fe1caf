import type { Decision } from '../clipn/index.ts';
import { type Share, wilson } from '../clipn/wilson.ts';
import type { LabelledVerdict, LabelRecord } from './label-record.ts';

/** Decisions of rules on one image, by the name of the rule. */
export type RuleDecisions = Readonly<Record<string, Decision>>;

/** A share among labelled images, corrected for how they were drawn. */
export interface Rate extends Share {
  /** Labelled images that the share is about, and those of them that are errors, without weights. */
  labelled: number;
  errors: number;
  /** Kish's effective sample size: the number of equally weighted images that would be as precise. */
  effective: number;
}

/** The errors of one rule; null without a label of the kind. */
export interface RuleQuality {
  /** Share of the images of the tenant's classes that the rule refuses. */
  falseRefusals: Rate | null;
  /** Share of the images of none of the classes that the rule accepts. */
  falseAcceptances: Rate | null;
}

export interface Quality {
  labels: { class: number; none: number; unsure: number };
  /** Verdicts with these features since capture began. */
  verdicts: number;
  since: string | null;
  /** Share of the verdicts that are in a group with a label; the rates hold for these. */
  covered: number;
  rules: Record<string, RuleQuality>;
  /** Share of the images of the tenant's classes of which another class was predicted. */
  wrongClass: Rate | null;
}

export interface QualityInput {
  /** Identifies classes, templates and model; labels of other verdicts are left out. */
  features: string;
  labels: Iterable<LabelRecord>;
  /** Verdicts by group. */
  population: ReadonlyMap<string, { verdicts: number; since: string }>;
  /** Decisions of the rules as they are now. */
  decide(verdict: LabelledVerdict): RuleDecisions;
}

interface Weighted {
  weight: number;
  of: 'class' | 'none';
  decisions: RuleDecisions;
  wrongClass: boolean;
}

/**
 * Error rates of every rule on the labelled images.
 *
 * Images are drawn with unequal probabilities, and only a part of them is labelled, so each label has the weight
 *
 *     w_i = d_i N_s / sum of d_j over the labelled images j of the same group s,
 *
 * where d_i is the sum of 1 / probability over the draws that the image stands for, and N_s the number of all verdicts of its group
 * (same features, same reason, same decisions). Within a group, labelled images must be like the others. A rate is the quotient of the weighted
 * numbers of errors and of images: the post-stratified Hajek estimator (Särndal, Swensson and Wretman, "Model Assisted Survey Sampling",
 * 1992, sections 5.7 and 7.6). Its interval is Wilson's, 95 %, with Kish's effective sample size (sum w)^2 / sum w^2 in place of the
 * number of images (Kish, "Survey Sampling", 1965; Franco, Little, Louis and Slud, "Comparative study of confidence intervals for
 * proportions in complex sample surveys", 2019).
 */
export function quality({ features, labels, population, decide }: QualityInput): Quality {
  const counts = { class: 0, none: 0, unsure: 0 };
  const strata = new Map<string, { record: LabelRecord; verdict: LabelledVerdict }[]>();
  for (const record of labels) {
    const { verdict, label } = record;
    if (verdict?.features !== features) continue;
    counts[label.kind]++;
    if (label.kind === 'unsure') continue;
    const group = strata.get(verdict.stratum);
    if (group) group.push({ record, verdict });
    else strata.set(verdict.stratum, [{ record, verdict }]);
  }
  const weighted: Weighted[] = [];
  for (const [stratum, group] of strata) {
    const drawn = group.reduce((sum, { verdict }) => sum + verdict.weight, 0);
    const factor = (population.get(stratum)?.verdicts ?? drawn) / drawn;
    for (const { record, verdict } of group) weighted.push(weigh(record, verdict, factor, decide));
  }
  const own = [...population].filter(([stratum]) => stratum.startsWith(`${features} `));
  const total = own.reduce((sum, [, { verdicts }]) => sum + verdicts, 0);
  const covered = own.reduce((sum, [stratum, { verdicts }]) => sum + (strata.has(stratum) ? verdicts : 0), 0);
  const ofClasses = weighted.filter(({ of }) => of === 'class');
  return {
    labels: counts,
    verdicts: total,
    since: own.map(([, { since }]) => since).sort()[0] ?? null,
    covered: total === 0 ? 0 : covered / total,
    rules: ruleQualities(weighted),
    wrongClass: rate(ofClasses, (image) => image.wrongClass),
  };
}

function weigh(
  { label }: LabelRecord,
  verdict: LabelledVerdict,
  factor: number,
  decide: QualityInput['decide'],
): Weighted {
  return {
    weight: verdict.weight * factor,
    of: label.kind === 'class' ? 'class' : 'none',
    decisions: decide(verdict),
    wrongClass: label.kind === 'class' && label.class !== verdict.prediction.class,
  };
}

function ruleQualities(weighted: readonly Weighted[]): Record<string, RuleQuality> {
  const rules = new Set(weighted.flatMap(({ decisions }) => Object.keys(decisions)));
  const known = (rule: string, of: Weighted['of']) => weighted.filter((w) => w.of === of && rule in w.decisions);
  return Object.fromEntries(
    [...rules].map((rule) => [
      rule,
      {
        falseRefusals: rate(known(rule, 'class'), ({ decisions }) => decisions[rule] === 'ood'),
        falseAcceptances: rate(known(rule, 'none'), ({ decisions }) => decisions[rule] === 'id'),
      },
    ]),
  );
}

/** The weighted share of errors; null without images. */
function rate(images: readonly Weighted[], isError: (image: Weighted) => boolean): Rate | null {
  let sum = 0;
  let squares = 0;
  let wrong = 0;
  let errors = 0;
  for (const image of images) {
    sum += image.weight;
    squares += image.weight ** 2;
    if (!isError(image)) continue;
    wrong += image.weight;
    errors++;
  }
  if (sum === 0) return null;
  const effective = sum ** 2 / squares;
  return { ...wilson((wrong / sum) * effective, effective), labelled: images.length, errors, effective };
}
