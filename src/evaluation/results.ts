import { type Collector, type Mistakes, type RuleCounts, type SetCounts, SHOWN_RULES } from './collector.ts';
import { curveOf, type RuleFigures, ruleFigures, type ScoreFigures, scoreFigures } from './metrics.ts';
import { inOrder } from './names.ts';
import type { PresetRecord } from './presets/task.ts';
import type { PerRule, PerScore } from './rows.ts';
import type { LogIdentity, RunRecord } from './score-log.ts';

/** Figures against one OOD set, or their mean over sets. */
export interface Comparison {
  scores: PerScore<ScoreFigures>;
  decisions: PerRule<RuleFigures>;
}

/** The mean over a group of sets that a benchmark averages together. */
export interface Group {
  name: string;
  sets: string[];
  figures: Comparison | null;
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
  /** The published benchmark that was measured, if it is one. */
  preset?: PresetRecord;
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
    id_kept: PerRule<number> | null;
    classes: {
      name: string;
      folder: string;
      images: number;
      accuracy: number | null;
      id_kept: PerRule<number> | null;
    }[];
  };
  ood: { name: string; dir: string; images: number; failed: number; figures: Comparison | null }[];
  /** Mean over the OOD sets that have figures, as in the paper's last column. */
  average: Comparison | null;
  /** With a preset that has groups of sets. */
  groups?: Group[];
  worst: Record<(typeof SHOWN_RULES)[number], Mistakes>;
  failed: { count: number; listed: { set: string; path: string; code: string; detail: string }[] };
}

const record = <K extends string, V>(keys: readonly K[], of: (key: K) => V) =>
  Object.fromEntries(keys.map((k) => [k, of(k)])) as Record<K, V>;

/** The scores that all judged images of a set have. */
export const scoresOf = ({ scores, judged }: SetCounts): string[] =>
  inOrder(Object.keys(scores)).filter((s) => scores[s]?.length === judged);

/** The rules that have decided on all judged images of a set. */
const rulesOf = ({ rules, judged }: SetCounts): string[] =>
  inOrder(Object.keys(rules)).filter((r) => rules[r]?.decided === judged);

const shared = (a: string[], b: string[]) => a.filter((name) => b.includes(name));

/** Share of a number of images that each of the rules keeps. */
function keptShares(rules: PerRule<RuleCounts>, names: string[], of: number): PerRule<number> | null {
  return of === 0 ? null : (record(names, (r) => (rules[r]?.kept ?? 0) / of) as PerRule<number>);
}

/** One OOD set against the ID set, by the scores and rules that both have; null if either has no judged image. */
export function compare(id: SetCounts, ood: SetCounts): Comparison | null {
  if (id.judged === 0 || ood.judged === 0) return null;
  const values = ({ scores }: SetCounts, s: string) => scores[s]?.values ?? [];
  const kept = ({ rules }: SetCounts, r: string) => rules[r]?.kept ?? 0;
  return {
    scores: record(shared(scoresOf(id), scoresOf(ood)), (s) =>
      scoreFigures(curveOf(values(id, s), values(ood, s))),
    ) as PerScore<ScoreFigures>,
    decisions: record(shared(rulesOf(id), rulesOf(ood)), (r) =>
      ruleFigures({ kept: kept(id, r), of: id.judged }, { caught: ood.judged - kept(ood, r), of: ood.judged }),
    ) as PerRule<RuleFigures>,
  };
}

/** Mean of records of numbers, leaf by leaf; of the keys that all of them have. */
function mean<T extends object>(values: T[]): T {
  const keys = (Object.keys(values[0] as T) as (keyof T)[]).filter((k) => values.every((v) => v[k] !== undefined));
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
  const rules = rulesOf(id);
  const groups = (about.preset?.groups ?? []).map(({ name, sets: of }): Group => {
    const inside = figures.filter((f, i) => f !== null && of.includes(ood[i]?.name ?? '')) as Comparison[];
    return { name, sets: of, figures: inside.length === 0 ? null : mean(inside) };
  });
  const correct = collector.classes.reduce((sum, c) => sum + c.correct, 0);
  return {
    format: 1,
    ...circumstances,
    id: {
      name: id.name,
      dir: sets[0]?.dir ?? '',
      images: id.judged,
      failed: id.failed,
      accuracy: id.judged === 0 ? null : correct / id.judged,
      id_kept: keptShares(id.rules, rules, id.judged),
      classes: collector.classes.map((c, i) => ({
        name: classes[i] ?? '',
        folder: folders[i] ?? '',
        images: c.images,
        accuracy: c.images === 0 ? null : c.correct / c.images,
        id_kept: keptShares(c.rules, rules, c.images),
      })),
    },
    ood: ood.map((set, i) => ({
      name: set.name,
      dir: sets[i + 1]?.dir ?? '',
      images: set.judged,
      failed: set.failed,
      figures: figures[i] ?? null,
    })),
    average: measured.length === 0 ? null : mean(measured),
    ...(groups.length > 0 && { groups }),
    worst: record(SHOWN_RULES, (rule) => collector.mistakes(rule)),
    failed: {
      count: collector.sets.reduce((sum, s) => sum + s.failed, 0),
      listed: collector.failures.map(({ set, path, error }) => ({ set, path, ...error })),
    },
  };
}
