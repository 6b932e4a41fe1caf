/**
 * Which words of the list must not be negative labels of a class: its synonyms, superclasses and subclasses. Published critiques of
 * negative labels found them among the mined ones (NegRefine, ICCV 2025, arXiv 2507.09795).
 */
import type { WordList } from './list.ts';
import { repetitions } from './tokens.ts';

export interface Relations {
  /** Indices of the words that are related to a class name in any of its senses, ascending; none for a name without a sense. */
  related(name: string): number[];
  /**
   * Indices of the nouns that add nothing to a class name, ascending: the name itself, its synonyms in any sense, and nouns that have all its
   * words ("dog breeding" for "dog"). Superclasses and subclasses under other names are not among them.
   */
  same(name: string): number[];
  /** The part of a class name that WordNet knows; undefined if it knows none. */
  known(name: string): string | undefined;
}

/** A phrase, its singulars in the simplest way, and all of them with blanks for hyphens. */
function forms(phrase: string): string[] {
  const out = [phrase];
  if (!phrase.endsWith('ss'))
    for (const [plural, singular] of [
      ['ies', 'y'],
      ['es', ''],
      ['s', ''],
    ] as const)
      if (phrase.endsWith(plural)) out.push(phrase.slice(0, -plural.length) + singular);
  return [...out, ...out.filter((form) => form.includes('-')).map((form) => form.replaceAll('-', ' '))];
}

/** The words of a name, without what follows a comma or a bracket. */
const wordsIn = (name: string): string[] =>
  (name.split(/[,(]/, 1)[0] as string).toLowerCase().replaceAll('_', ' ').split(/\s+/).filter(Boolean);

/** Parts of a name, longest first: those that end at the last word, then those at the last but one. In English the last word names the kind. */
function* phrases(name: string): Generator<string> {
  const words = wordsIn(name);
  for (let end = words.length; end > 0; end--)
    for (let start = 0; start < end; start++) yield* forms(words.slice(start, end).join(' '));
}

function reached(from: readonly number[], links: readonly (readonly number[])[]): Set<number> {
  const out = new Set(from);
  // a set's iterator visits members that are added meanwhile
  for (const i of out) for (const j of links[i] as number[]) out.add(j);
  return out;
}

/** Builds the lookup; it takes some ten megabytes, so callers keep it only while they mine. */
export function relations({ words, lemmas, above, parts }: WordList): Relations {
  const senses = new Map<string, number[]>();
  for (const [i, names] of lemmas.entries())
    for (const name of names.toLowerCase().split('|')) {
      const known = senses.get(name);
      if (known) known.push(i);
      else senses.set(name, [i]);
    }
  const below: number[][] = lemmas.map(() => []);
  for (const [i, links] of above.entries()) for (const j of links) (below[j] as number[]).push(i);
  const nouns = new Map(words.slice(0, parts.nouns.to).map((word, i) => [word, i]));
  const { from, to } = parts.adjectives;
  const adjectives = new Map(words.slice(from, to).map((word, i) => [word, from + i]));
  const known = (name: string) => {
    for (const phrase of phrases(name)) if (senses.has(phrase)) return phrase;
    return undefined;
  };
  const repeating = repetitions(words.slice(0, parts.nouns.to));
  const nounsOf = (synsets: Iterable<number>): number[] => {
    const out = new Set<number>();
    for (const i of synsets)
      for (const lemma of (lemmas[i] as string).toLowerCase().split('|')) {
        const word = nouns.get(lemma);
        if (word !== undefined) out.add(word);
      }
    return [...out];
  };
  return {
    known,
    same(name) {
      // the whole name: a red car is a car, but they are not the same
      const plain = wordsIn(name).join(' ');
      const form = forms(plain).find((form) => senses.has(form)) ?? plain;
      const all = [...nounsOf(senses.get(form) ?? []), ...repeating(plain), ...repeating(form)];
      return [...new Set(all)].sort((a, b) => a - b);
    },
    related(name) {
      const phrase = known(name);
      const start = phrase === undefined ? [] : (senses.get(phrase) as number[]);
      const out = new Set(nounsOf([...reached(start, above), ...reached(start, below)]));
      const adjective = adjectives.get(name.toLowerCase().trim());
      if (adjective !== undefined) out.add(adjective);
      return [...out].sort((a, b) => a - b);
    },
  };
}
