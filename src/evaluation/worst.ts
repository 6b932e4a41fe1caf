import { defined } from '../defined.ts';
import type { LikeWord, ScoredRow } from './rows.ts';

/** One mistake as the report shows it. */
export interface Mistake {
  set: string;
  path: string;
  score: number;
  /** Index of its own class; null for OOD images. */
  class: number | null;
  /** Index of the predicted class. */
  index: number;
  /** The words that a refused image of a class looks like. */
  looks_like?: readonly LikeWord[];
}

/** The `limit` most extreme of the offered mistakes. The selection does not depend on their order. */
export class Worst {
  readonly #limit: number;
  readonly #sign: number;
  #list: Mistake[] = [];

  constructor(limit: number, extreme: 'lowest' | 'highest') {
    this.#limit = limit;
    this.#sign = extreme === 'lowest' ? 1 : -1;
  }

  offer(row: ScoredRow, score: number): void {
    const last = this.#list.at(-1);
    if (this.#list.length === this.#limit && last && this.#sign * score > this.#sign * last.score) return;
    const { set, path, index, looks_like } = row;
    this.#list.push({ set, path, score, class: row.class ?? null, index, ...defined({ looks_like }) });
    this.#list.sort((a, b) => this.#sign * (a.score - b.score) || byName(a, b));
    this.#list.length = Math.min(this.#list.length, this.#limit);
  }

  get list(): readonly Mistake[] {
    return this.#list;
  }
}

function byName(a: Mistake, b: Mistake): number {
  if (a.set !== b.set) return a.set < b.set ? -1 : 1;
  return a.path < b.path ? -1 : 1;
}
