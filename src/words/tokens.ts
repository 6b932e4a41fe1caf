/** The words of a phrase in lower case, without a possessive ending: "dog's breakfast" has "dog" and "breakfast". */
export const tokensOf = (phrase: string): string[] =>
  phrase
    .toLowerCase()
    .replaceAll('’', "'")
    .replace(/'s?(?=[\s-]|$)/gu, '')
    .split(/[^\p{L}\p{N}']+/u)
    .filter(Boolean);

/** Whether the phrase has all words of the other one, which is not empty: it is the other one, or an addition to it. */
export function repeats(phrase: string, other: string): boolean {
  const tokens = new Set(tokensOf(phrase));
  const of = tokensOf(other);
  return of.length > 0 && of.every((token) => tokens.has(token));
}

/** Finds the phrases that have all words of another one: their indices, ascending; none for a phrase without words. */
export function repetitions(phrases: readonly string[]): (other: string) => number[] {
  const places = new Map<string, number[]>();
  for (const [i, phrase] of phrases.entries())
    for (const token of new Set(tokensOf(phrase))) {
      const known = places.get(token);
      if (known) known.push(i);
      else places.set(token, [i]);
    }
  return (other) => {
    const lists = tokensOf(other).map((token) => places.get(token) ?? []);
    const [shortest = [], ...rest] = lists.sort((a, b) => a.length - b.length);
    const sets = rest.map((list) => new Set(list));
    return shortest.filter((i) => sets.every((set) => set.has(i)));
  };
}
