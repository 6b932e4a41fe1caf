/** Most forms that are offered for a word. */
const MOST_FORMS = 3;
/** A shorter word has too many neighbours that have nothing to do with it. */
const LEAST_LETTERS = 4;
/** A longer text is no word, and costs too many tries. */
const MOST_LETTERS = 32;

/** English singular forms that a plural may come from. */
function singulars(word: string): string[] {
  if (/ies$/i.test(word)) return [word.slice(0, -3).concat('y'), word.slice(0, -1)];
  if (/(s|x|z|ch|sh)es$/i.test(word)) return [word.slice(0, -2), word.slice(0, -1)];
  if (/ves$/i.test(word)) return [word.slice(0, -3).concat('f'), word.slice(0, -3).concat('fe'), word.slice(0, -1)];
  return /[^s]s$/i.test(word) ? [word.slice(0, -1)] : [];
}

/** English plural forms of a singular. */
function plurals(word: string): string[] {
  if (/[^aeiou]y$/i.test(word)) return [word.slice(0, -1).concat('ies')];
  if (/fe?$/i.test(word)) return [word.replace(/fe?$/i, 'ves'), `${word}s`];
  return /(s|x|z|ch|sh)$/i.test(word) ? [`${word}es`] : [`${word}s`];
}

/** Words that differ by two letters that changed places, a letter too many, a missing letter, or another letter (Damerau-Levenshtein 1). */
function* neighbours(word: string): Generator<string> {
  const letters = [...word];
  const changed = (from: number, to: number, ...between: string[]) =>
    [...letters.slice(0, from), ...between, ...letters.slice(to)].join('');
  for (let i = 0; i + 1 < letters.length; i++) yield changed(i, i + 2, letters[i + 1] as string, letters[i] as string);
  for (let i = 0; i < letters.length; i++) yield changed(i, i + 1);
  for (let i = 0; i <= letters.length; i++) {
    for (let code = 97; code <= 122; code++) {
      const letter = String.fromCharCode(code);
      yield changed(i, i, letter);
      if (i < letters.length) yield changed(i, i + 1, letter);
    }
  }
}

/** Known forms of an unknown word, the likeliest first: its singular or plural, or else words that it may be a misspelling of. */
export function knownForms(word: string, isKnown: (form: string) => boolean): string[] {
  if (word.length > MOST_LETTERS) return [];
  const forms = [...singulars(word), ...plurals(word)].filter(isKnown);
  if (forms.length > 0 || word.length < LEAST_LETTERS) return forms;
  const found = new Set<string>();
  for (const form of neighbours(word)) {
    if (form !== word && isKnown(form)) found.add(form);
    if (found.size === MOST_FORMS) break;
  }
  return [...found];
}
