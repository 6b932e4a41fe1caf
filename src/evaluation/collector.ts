import type { Scores } from '../clipn/index.ts';
import { Column } from './column.ts';
import {
  type FailedRow,
  isFailed,
  type PerRule,
  type PerScore,
  type Row,
  type RuleName,
  SCORES,
  type ScoredRow,
} from './rows.ts';
import { type Mistake, Worst } from './worst.ts';

/** Largest number of failed images that are listed by name. All are counted, and all are in the score file. */
export const MOST_FAILURES = 1000;
const MOST_MISTAKES = 12;

/** Rules whose worst mistakes are shown, each with its score. */
export const SHOWN_RULES = ['ctw', 'atd'] as const satisfies readonly RuleName[];

/** The intermediate result of one set. */
export interface SetCounts {
  name: string;
  judged: number;
  failed: number;
  /** One column per score, an entry per judged image whose verdict has this score. */
  scores: PerScore<Column>;
  rules: PerRule<RuleCounts>;
}

/** How many images a rule has decided on, and how many of them it keeps. */
export interface RuleCounts {
  decided: number;
  kept: number;
}

/** Counts of one class: judged images, correctly classified ones, and those that each rule keeps. */
export interface ClassCounts {
  images: number;
  correct: number;
  rules: PerRule<RuleCounts>;
}

export interface Mistakes {
  /** ID images rejected, lowest score first. */
  id_rejected: readonly Mistake[];
  /** OOD images accepted, highest score first. */
  ood_accepted: readonly Mistake[];
}

/** Fields come with the first row that has them. */
const none = <T extends object>() => ({}) as T;

function count(rules: PerRule<RuleCounts>, decisions: ScoredRow['decisions']): void {
  const all = rules as Record<string, RuleCounts>;
  for (const [rule, decision] of Object.entries(decisions)) {
    all[rule] ??= { decided: 0, kept: 0 };
    all[rule].decided++;
    if (decision === 'id') all[rule].kept++;
  }
}

/**
 * Collects rows in any order and keeps numbers only: a column of float64 per score and set, counts per class, and the few worst mistakes.
 * The result does not depend on the order.
 */
export class Collector {
  /** ID first. */
  readonly sets: SetCounts[];
  readonly classes: ClassCounts[];
  readonly #byName: Map<string, SetCounts>;
  readonly #idRejected = Object.fromEntries(SHOWN_RULES.map((r) => [r, new Worst(MOST_MISTAKES, 'lowest')]));
  readonly #oodAccepted = Object.fromEntries(SHOWN_RULES.map((r) => [r, new Worst(MOST_MISTAKES, 'highest')]));
  readonly #failures: FailedRow[] = [];

  /** @param setNames the ID set first */
  constructor(setNames: string[], classCount: number) {
    this.sets = setNames.map((name) => ({
      name,
      judged: 0,
      failed: 0,
      scores: Object.fromEntries(SCORES.map((s) => [s, new Column()])) as PerScore<Column>,
      rules: none<PerRule<RuleCounts>>(),
    }));
    this.classes = Array.from({ length: classCount }, () => ({ images: 0, correct: 0, rules: none() }));
    this.#byName = new Map(this.sets.map((s) => [s.name, s]));
  }

  /** @throws RangeError for an unknown set or class */
  add(row: Row): void {
    const counts = this.#byName.get(row.set);
    if (!counts) throw new RangeError(`there is no set "${row.set}"`);
    if (isFailed(row)) {
      counts.failed++;
      if (this.#failures.length < MOST_FAILURES) this.#failures.push(row);
      return;
    }
    counts.judged++;
    const columns = counts.scores as Record<string, Column>;
    for (const [score, value] of Object.entries(row.scores)) {
      columns[score] ??= new Column();
      columns[score].push(value);
    }
    count(counts.rules, row.decisions);
    if (row.class !== undefined) this.#addToClass(row, row.class);
    this.#look(row);
  }

  #addToClass(row: ScoredRow, at: number): void {
    const counts = this.classes[at];
    if (!counts) throw new RangeError(`there is no class ${at}`);
    counts.images++;
    if (row.index === at) counts.correct++;
    count(counts.rules, row.decisions);
  }

  #look(row: ScoredRow): void {
    for (const rule of SHOWN_RULES) {
      const score = row.scores[rule satisfies keyof Scores];
      const accepted = row.decisions[rule] === 'id';
      if (row.class !== undefined && !accepted) this.#idRejected[rule]?.offer(row, score);
      if (row.class === undefined && accepted) this.#oodAccepted[rule]?.offer(row, score);
    }
  }

  mistakes(rule: (typeof SHOWN_RULES)[number]): Mistakes {
    return {
      id_rejected: this.#idRejected[rule]?.list ?? [],
      ood_accepted: this.#oodAccepted[rule]?.list ?? [],
    };
  }

  /** The first failed images, by set and path. */
  get failures(): FailedRow[] {
    const order = this.sets.map((s) => s.name);
    return this.#failures.toSorted(
      (a, b) => order.indexOf(a.set) - order.indexOf(b.set) || (a.path < b.path ? -1 : a.path > b.path ? 1 : 0),
    );
  }
}
