import type { ScoreName, Scores } from '../clipn/index.ts';
import { Column } from './column.ts';
import { type FailedRow, isFailed, type Row, RULES, type RuleName, SCORES, type ScoredRow } from './rows.ts';
import { type Mistake, Worst } from './worst.ts';

/** Largest number of failed images that are listed by name. All are counted, and all are in the score file. */
export const MOST_FAILURES = 1000;
const MOST_MISTAKES = 12;

/** Rules whose worst mistakes are shown, each with its score. */
export const SHOWN_RULES = ['ctw', 'atd'] as const;

/** The intermediate result of one set. */
export interface SetCounts {
  name: string;
  /** One column per score, an entry per judged image. */
  scores: Record<ScoreName, Column>;
  /** Number of images that each rule keeps. */
  kept: Record<RuleName, number>;
  failed: number;
}

/** Counts of one class: judged images, correctly classified ones, and those that each rule keeps. */
export interface ClassCounts {
  images: number;
  correct: number;
  kept: Record<RuleName, number>;
}

export interface Mistakes {
  /** ID images rejected, lowest score first. */
  id_rejected: readonly Mistake[];
  /** OOD images accepted, highest score first. */
  ood_accepted: readonly Mistake[];
}

const perRule = <T>(of: () => T) => Object.fromEntries(RULES.map((r) => [r, of()])) as Record<RuleName, T>;

/**
 * Collects rows in any order and keeps numbers only: six columns of float64 per set, counts per class, and the few worst mistakes.
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
      scores: Object.fromEntries(SCORES.map((s) => [s, new Column()])) as Record<ScoreName, Column>,
      kept: perRule(() => 0),
      failed: 0,
    }));
    this.classes = Array.from({ length: classCount }, () => ({ images: 0, correct: 0, kept: perRule(() => 0) }));
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
    for (const s of SCORES) counts.scores[s].push(row.scores[s]);
    for (const r of RULES) if (row.decisions[r] === 'id') counts.kept[r]++;
    if (row.class !== undefined) this.#addToClass(row, row.class);
    this.#look(row);
  }

  #addToClass(row: ScoredRow, at: number): void {
    const counts = this.classes[at];
    if (!counts) throw new RangeError(`there is no class ${at}`);
    counts.images++;
    if (row.index === at) counts.correct++;
    for (const r of RULES) if (row.decisions[r] === 'id') counts.kept[r]++;
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
