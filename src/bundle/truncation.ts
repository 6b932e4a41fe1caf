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
  const longest = Math.max(...templates.map((t) => t.length), 0);
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

/** A token has at least one byte of the text, except for HTML entities, which a clean-up may expand, and non-ASCII characters. */
function surelyFits(name: string, templateLength: number, room: number): boolean {
  return name.length + templateLength <= room && PLAIN.test(name);
}

const PLAIN = /^[\u0020-\u0025\u0027-\u007e]*$/;
