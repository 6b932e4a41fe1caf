/**
 * BERT's normaliser, pre-tokenizer and WordPiece model, as the reference's `tokenizers` package has them. Source: its
 * `normalizers/bert.rs`, `pre_tokenizers/bert.rs` and `models/wordpiece/mod.rs`; the classes of characters are in bert-tables.ts.
 */
import { ACCENTS, CHINESE, PUNCTUATION, REMOVED, UNDECOMPOSED } from './bert-tables.ts';

export interface BertNormalizerSpec {
  clean_text?: boolean;
  handle_chinese_chars?: boolean;
  /** null or absent: as `lowercase`. */
  strip_accents?: boolean | null;
  lowercase?: boolean;
}

export interface WordPieceSpec {
  vocab: Record<string, number>;
  unk_token?: string;
  continuing_subword_prefix?: string;
  max_input_chars_per_word?: number;
}

const removed = new RegExp(`[${REMOVED}]`, 'gu');
const accents = new RegExp(`[${ACCENTS}]`, 'gu');
const decomposed = new RegExp(`[^${UNDECOMPOSED}]+`, 'gu');
const chinese = new RegExp(`[${CHINESE}]`, 'gu');
// tab and line breaks are control characters and white space; the reference treats them as white space
const whiteSpace = /(?![\t\n\r])\p{White_Space}|[\t\n\r]/gu;
const words = new RegExp(`[${PUNCTUATION}]|[^\\p{White_Space}${PUNCTUATION}]+`, 'gu');

const cleanText = (text: string) =>
  text.replace(removed, (c) => (c === '\t' || c === '\n' || c === '\r' ? c : '')).replace(whiteSpace, ' ');
const stripAccents = (text: string) => text.replace(decomposed, (run) => run.normalize('NFD')).replace(accents, '');
/** Lower case character by character, as the reference does, without rules that depend on neighbours. */
export const lowercase = (text: string) => Array.from(text, (c) => c.toLowerCase()).join('');

/** The steps in the reference's order; each can be turned off. */
export function bertNormalizer(spec: BertNormalizerSpec): (text: string) => string {
  const { clean_text: clean = true, handle_chinese_chars: apart = true, lowercase: lower = true } = spec;
  const steps = [
    clean && cleanText,
    apart && ((text: string) => text.replace(chinese, ' $& ')),
    (spec.strip_accents ?? lower) && stripAccents,
    lower && lowercase,
  ].filter((step) => step !== false);
  return (text) => steps.reduce((t, step) => step(t), text);
}

/** Words between white space; every punctuation character is one of its own. */
export function bertWords(text: string): string[] {
  return text.match(words) ?? [];
}

/**
 * Ids of one word: repeatedly the longest entry of the vocabulary that the rest begins with. A word that cannot be composed of entries, or
 * that has too many characters, becomes the unknown token.
 * @throws Error where the vocabulary lacks the unknown token
 */
export function wordPieces(spec: WordPieceSpec): (word: string) => number[] {
  const { unk_token: unknownToken = '[UNK]', continuing_subword_prefix: prefix = '##' } = spec;
  const { max_input_chars_per_word: longest = 100 } = spec;
  const vocabulary = new Map(Object.entries(spec.vocab));
  const unknown = vocabulary.get(unknownToken);
  if (unknown === undefined) throw new Error(`the vocabulary lacks the unknown token ${unknownToken}`);
  return (word) => {
    const characters = Array.from(word);
    if (characters.length > longest) return [unknown];
    const ids: number[] = [];
    for (let start = 0; start < characters.length; ) {
      let end = characters.length;
      let id: number | undefined;
      for (; end > start; end--) {
        id = vocabulary.get((start > 0 ? prefix : '') + characters.slice(start, end).join(''));
        if (id !== undefined) break;
      }
      if (id === undefined) return [unknown];
      ids.push(id);
      start = end;
    }
    return ids;
  };
}
