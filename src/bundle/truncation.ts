import type { TextTokenizer } from './tokenizer.ts';

/** Prompts of one definition that are tokenized for this check. Beyond that number, the tokens of name and template are added instead. */
const EXACT = 2000;

const tokenize = (template: string, name: string) => template.split('{}').join(name);

/**
 * The names that are cut off in at least one template, in their order. Text after the last token that fits
 * does not influence the name's feature. The templates with the most tokens are checked first.
 */
export function cutNames(
  tokenizer: Pick<TextTokenizer, 'count' | 'room'>,
  names: readonly string[],
  templates: readonly string[],
): string[] {
  const { room } = tokenizer;
  const longest = longestOf(templates);
  const counted = new Map(templates.map((t) => [t, tokenizer.count(tokenize(t, ' '))]));
  const order = [...counted.keys()].sort((a, b) => (counted.get(b) as number) - (counted.get(a) as number));
  let left = EXACT;
  const isCut = (name: string) => {
    if (surelyFits(name, longest, room)) return false;
    const own = tokenizer.count(name);
    return order.some((template) => {
      const sum = own + (counted.get(template) as number);
      // tokens may merge or split at the border of name and template, which matters near the limit only
      if (sum < room / 2) return false;
      return left-- > 0 ? tokenizer.count(tokenize(template, name)) > room : sum > room;
    });
  };
  return names.filter(isCut);
}

/** Tokens that a tokenizer puts before and after a text: two in CLIP and BERT. */
const MOST_MARKERS = 8;

/** Whether no name is cut off, as far as that follows from the lengths alone; without a tokenizer, which takes time to open. */
export function allSurelyFit(names: readonly string[], templates: readonly string[], contextLength: number): boolean {
  const longest = longestOf(templates);
  return names.every((name) => surelyFits(name, longest, contextLength - MOST_MARKERS));
}

/** Characters of the longest template; infinite if a template has characters that may be several tokens. */
const longestOf = (templates: readonly string[]) =>
  Math.max(...templates.map((t) => (PLAIN.test(t) ? t.length : Number.POSITIVE_INFINITY)), 0);

/** A token has at least one byte of the text, except for HTML entities, which a clean-up may expand, and non-ASCII characters. */
function surelyFits(name: string, templateLength: number, room: number): boolean {
  return name.length + templateLength <= room && PLAIN.test(name);
}

const PLAIN = /^[\u0020-\u0025\u0027-\u007e]*$/;
