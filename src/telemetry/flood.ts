/** Lines a second that one code may write before the rest of them are counted only. */
const LINES = 10;
const SECOND_MS = 1000;

interface Spell {
  lines: number;
  unwritten: number;
}

/**
 * Keeps refusals from drowning the log, and the log from taking the processor that the requests under way need: of each code
 * the first few of a second get lines of their own, and what followed them gets one line together at its end.
 */
export class Flood {
  readonly #summarise: (code: string, requests: number) => void;
  readonly #spells = new Map<string, Spell>();

  constructor(summarise: (code: string, requests: number) => void) {
    this.#summarise = summarise;
  }

  /** Whether refusals of this code are more than a log line each already. */
  rising(code: string): boolean {
    return this.#spells.get(code)?.lines === LINES;
  }

  /** Counts a refusal; whether it is to be logged by itself. */
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
