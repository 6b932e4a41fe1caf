import type { ScoreName } from '../clipn/index.ts';
import { type Collector, type Mistakes, type SetCounts, SHOWN_RULES } from './collector.ts';
import { curveOf, type RuleFigures, ruleFigures, type ScoreFigures, scoreFigures } from './metrics.ts';
import { RULES, type RuleName, SCORES } from './rows.ts';
import type { LogIdentity, RunRecord } from './score-log.ts';

/** Figures against one OOD set, or their mean over sets. */
export interface Comparison {
  scores: Record<ScoreName, ScoreFigures>;
  decisions: Record<RuleName, RuleFigures>;
}

/** The inputs of a measurement. */
export interface Circumstances {
  tool: { name: string; version: string };
  created: string;
  bundle: { id: string; name: string; version: string; precision: string };
  settings: {
    templates: string[];
    templates_no: string[];
    logit_scale: number;
    max_pixels: number;
  };
  identity: LogIdentity;
  runs: RunRecord[];
}

/** `results.json`. Every figure is a share between 0 and 1, or null if no image of a set could be judged. */
export interface Results extends Circumstances {
  format: 1;
  id: {
    name: string;
    dir: string;
    images: number;
    failed: number;
    /** Share of judged ID images whose likeliest class is their own, by index, without a rule. */
    accuracy: number | null;
    id_kept: Record<RuleName, number> | null;
    classes: {
      name: string;
      folder: string;
      images: number;
      accuracy: number | null;
      id_kept: Record<RuleName, number> | null;
    }[];
  };
  ood: { name: string; dir: string; images: number; failed: number; figures: Comparison | null }[];
  /** Mean over the OOD sets that have figures, as in the paper's last column. */
  average: Comparison | null;
  worst: Record<(typeof SHOWN_RULES)[number], Mistakes>;
  failed: { count: number; listed: { set: string; path: string; code: string; detail: string }[] };
}

const judged = (t: SetCounts) => t.scores.ctw.length;

const record = <K extends string, V>(keys: readonly K[], of: (key: K) => V) =>
  Object.fromEntries(keys.map((k) => [k, of(k)])) as Record<K, V>;

/** One OOD set against the ID set; null if either has no judged image. */
export function compare(id: SetCounts, ood: SetCounts): Comparison | null {
  if (judged(id) === 0 || judged(ood) === 0) return null;
  return {
    scores: record(SCORES, (s) => scoreFigures(curveOf(id.scores[s].values, ood.scores[s].values))),
    decisions: record(RULES, (r) =>
      ruleFigures({ kept: id.kept[r], of: judged(id) }, { caught: judged(ood) - ood.kept[r], of: judged(ood) }),
    ),
  };
}

/** Mean of records of numbers with equal shape, leaf by leaf. */
function mean<T extends object>(values: T[]): T {
  const keys = Object.keys(values[0] as T) as (keyof T)[];
  return Object.fromEntries(
    keys.map((k) => {
      const parts = values.map((v) => v[k]);
      const sum = () => (parts as number[]).reduce((a, b) => a + b, 0);
      return [k, typeof parts[0] === 'number' ? sum() / parts.length : mean(parts as object[])];
    }),
  ) as T;
}

/** The result of an evaluation, in the form of `results.json`. */
export function resultsOf(
  collector: Collector,
  about: { sets: { dir: string }[]; folders: string[]; classes: string[] } & Circumstances,
): Results {
  const { sets, folders, classes, ...circumstances } = about;
  const [id, ...ood] = collector.sets as [SetCounts, ...SetCounts[]];
  const figures = ood.map((set) => compare(id, set));
  const measured = figures.filter((f) => f !== null);
  const correct = collector.classes.reduce((sum, c) => sum + c.correct, 0);
  return {
    format: 1,
    ...circumstances,
    id: {
      name: id.name,
      dir: sets[0]?.dir ?? '',
      images: judged(id),
      failed: id.failed,
      accuracy: judged(id) === 0 ? null : correct / judged(id),
      id_kept: judged(id) === 0 ? null : record(RULES, (r) => id.kept[r] / judged(id)),
      classes: collector.classes.map((c, i) => ({
        name: classes[i] ?? '',
        folder: folders[i] ?? '',
        images: c.images,
        accuracy: c.images === 0 ? null : c.correct / c.images,
        id_kept: c.images === 0 ? null : record(RULES, (r) => c.kept[r] / c.images),
      })),
    },
    ood: ood.map((set, i) => ({
      name: set.name,
      dir: sets[i + 1]?.dir ?? '',
      images: judged(set),
      failed: set.failed,
      figures: figures[i] ?? null,
    })),
    average: measured.length === 0 ? null : mean(measured),
    worst: record(SHOWN_RULES, (rule) => collector.mistakes(rule)),
    failed: {
      count: collector.sets.reduce((sum, s) => sum + s.failed, 0),
      listed: collector.failures.map(({ set, path, error }) => ({ set, path, ...error })),
    },
  };
}
