import { type Counted, SpaceSaving } from './space-saving.ts';

/** Words that are counted for one tenant and day: about 12 kB. */
const CAPACITY = 128;
/** Words of one report. */
const REPORTED = 20;
/** Days that are kept: this one and the one before. */
const DAYS = 2;
const DAY_MS = 86_400_000;
/** Largest share of the time for which words are looked for: after a search of d milliseconds the next one begins 19 d later at the earliest. */
const SHARE = 0.05;

/** Refused images of one day in UTC. */
export interface DayReport {
  /** YYYY-MM-DD */
  day: string;
  /** Images that were refused by the tenant's rule. */
  refused: number;
  /** Those of them whose words were looked for. */
  lookedAt: number;
  /** Those of them that look like no word in particular. */
  noWord: number;
  /** The nearest words of the others, commonest first. */
  words: Counted[];
}

interface Day {
  refused: number;
  noWord: number;
  words: SpaceSaving;
}

interface State {
  version: number;
  /** By date, oldest first. */
  days: Map<string, Day>;
}

/** A refused image: its tenant, the version that judged, and the search for its words, nearest first. */
export interface Refused {
  tenant: string;
  version: number;
  look(): Promise<readonly { word: string }[]>;
}

/**
 * Counts for each tenant what its refused images look like, in bounded memory and time: an image counts under its nearest word. Only this
 * process counts, from its start, and from the start of the tenant's version. Verdicts do not wait: one image is looked at at a time, in
 * the background, and those that come meanwhile are counted without a word.
 */
export class LooksLikeCounts {
  readonly #states = new Map<string, State>();
  readonly #now: () => number;
  #busy = false;
  #freeAt = 0;

  constructor({ now = Date.now }: { now?: () => number } = {}) {
    this.#now = now;
  }

  /** Counts a refused image, and looks at it if there is time. Never throws. */
  offer({ tenant, version, look }: Refused): void {
    const began = this.#now();
    const day = this.#day(tenant, version, began);
    day.refused++;
    if (this.#busy || began < this.#freeAt) return;
    this.#busy = true;
    void this.#count(day, look).finally(() => {
      this.#busy = false;
      const end = this.#now();
      this.#freeAt = end + (end - began) * (1 / SHARE - 1);
    });
  }

  async #count(day: Day, look: Refused['look']): Promise<void> {
    try {
      const [nearest] = await look();
      if (nearest) day.words.add(nearest.word);
      else day.noWord++;
    } catch {
      // without an engine the image stays without words
    }
  }

  #day(tenant: string, version: number, now: number): Day {
    let state = this.#states.get(tenant);
    // the words of a version may name classes of the next one
    if (state?.version !== version) {
      state = { version, days: new Map() };
      this.#states.set(tenant, state);
    }
    const date = dateOf(now);
    const known = state.days.get(date);
    if (known) return known;
    const day: Day = { refused: 0, noWord: 0, words: new SpaceSaving(CAPACITY) };
    state.days.set(date, day);
    this.#dropOld();
    return day;
  }

  #oldest(): string {
    return dateOf(this.#now() - (DAYS - 1) * DAY_MS);
  }

  #dropOld(): void {
    for (const [tenant, { days }] of this.#states) {
      for (const day of days.keys()) if (day < this.#oldest()) days.delete(day);
      if (days.size === 0) this.#states.delete(tenant);
    }
  }

  /** The kept days of this version of the tenant, newest first; none without a refused image. */
  report(tenant: string, version: number): DayReport[] {
    const state = this.#states.get(tenant);
    if (state?.version !== version) return [];
    const kept = [...state.days].filter(([day]) => day >= this.#oldest());
    return kept.reverse().map(([day, { refused, noWord, words }]) => ({
      day,
      refused,
      lookedAt: noWord + words.total,
      noWord,
      words: words.top(REPORTED),
    }));
  }

  /** Removes the counts of a removed tenant. */
  forget(tenant: string): void {
    this.#states.delete(tenant);
  }
}

/** The date in UTC. */
const dateOf = (ms: number) => new Date(ms).toISOString().slice(0, 10);
