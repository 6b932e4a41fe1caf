import type { TextTokenizer } from './tokenizer.ts';

/** Prompts of one definition that are tokenized for this; beyond them the tokens of name and template are added up instead. */
const EXACT = 2000;

const tokenize = (template: string, name: string) => template.split('{}').join(name);

/**
 * The names of which the model reads only a part in at least one template, in their order: what stands after the last token that fits
 * has no say in the name's feature. Looks at the templates with the most tokens first.
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
      // where name and template touch, tokens may join or part: only near the limit does that matter
      if (sum < room / 2) return false;
      return left-- > 0 ? tokenizer.count(tokenize(template, name)) > room : sum > room;
    });
  };
  return names.filter(isCut);
}

/** A token is a byte of the text at least, but for HTML entities, which a clean-up may write out, and what is not ASCII. */
function surelyFits(name: string, templateLength: number, room: number): boolean {
  return name.length + templateLength <= room && PLAIN.test(name);
}

const PLAIN = /^[\u0020-\u0025\u0027-\u007e]*$/;
