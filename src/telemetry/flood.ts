/** Log lines per second and code; further refusals are only counted. */
const LINES = 10;
const SECOND_MS = 1000;

interface Spell {
  lines: number;
  unwritten: number;
}

/**
 * Limits the log lines of refusals, so that logging does not use the processor time that requests in progress need. For each code
 * the first few refusals of a second get a line each, and the others get one line together at its end.
 */
export class Flood {
  readonly #summarise: (code: string, requests: number) => void;
  readonly #spells = new Map<string, Spell>();

  constructor(summarise: (code: string, requests: number) => void) {
    this.#summarise = summarise;
  }

  /** Whether refusals of this code are already summarised in the current second. */
  rising(code: string): boolean {
    return this.#spells.get(code)?.lines === LINES;
  }

  /** Counts a refusal. @returns whether it gets a log line of its own */
  admits(code: string): boolean {
    const spell = this.#spells.get(code) ?? this.#begin(code);
    if (spell.lines < LINES) {
      spell.lines++;
      return true;
    }
    spell.unwritten++;
    return false;
  }

  #begin(code: string): Spell {
    const spell = { lines: 0, unwritten: 0 };
    this.#spells.set(code, spell);
    setTimeout(() => {
      this.#spells.delete(code);
      if (spell.unwritten > 0) this.#summarise(code, spell.unwritten);
    }, SECOND_MS).unref();
    return spell;
  }
}
