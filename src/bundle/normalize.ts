/**
 * Interprets the normaliser of a Hugging Face tokenizer file. The JavaScript library is not used, because JavaScript's `\s` has
 * U+FEFF and lacks U+0085, and its toLowerCase depends on a word's end (final sigma). The reference differs in both. One different
 * character is a different token, and a different token can change a verdict.
 */
import { type BertNormalizerSpec, bertNormalizer, lowercase } from './bert.ts';

export type Normalizer = (text: string) => string;

interface Spec extends BertNormalizerSpec {
  type: string;
  normalizers?: Spec[];
  pattern?: { Regex?: string; String?: string };
  content?: string;
}

/** `\s` as the reference defines it: Unicode's White_Space. */
export function portableRegex(source: string): string {
  return source.replaceAll('\\s', '\\p{White_Space}');
}

/** @throws Error for an unknown normaliser, because a slightly different one would change verdicts silently */
export function normalizerOf(spec: Spec | null | undefined): Normalizer {
  if (!spec) return (text) => text;
  switch (spec.type) {
    case 'Sequence': {
      const steps = (spec.normalizers ?? []).map(normalizerOf);
      return (text) => steps.reduce((t, step) => step(t), text);
    }
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD': {
      const form = spec.type;
      return (text) => text.normalize(form);
    }
    case 'Lowercase':
      return lowercase;
    case 'BertNormalizer':
      return bertNormalizer(spec);
    case 'Replace': {
      const content = spec.content ?? '';
      const { Regex, String: literal } = spec.pattern ?? {};
      if (literal !== undefined) return (text) => text.replaceAll(literal, () => content);
      if (Regex === undefined) break;
      const pattern = new RegExp(portableRegex(Regex), 'gu');
      return (text) => text.replace(pattern, () => content);
    }
  }
  throw new Error(`the normaliser ${spec.type} is not supported`);
}
