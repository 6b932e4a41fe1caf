import { readFileSync } from 'node:fs';
import { Tokenizer } from '@huggingface/tokenizers';
import { bertWords, type WordPieceSpec, wordPieces } from './bert.ts';
import { type CleanTables, cleanerOf } from './clean.ts';
import { BundleError } from './errors.ts';
import type { Bundle } from './load.ts';
import { normalizerOf, portableRegex } from './normalize.ts';

export interface TextTokenizer {
  /**
   * Token ids with start- and end-of-text, at most `contextLength` of them. A longer text is cut and keeps its end token.
   * Markers such as "<|endoftext|>" inside a text are plain characters, so that a class name cannot end its own prompt.
   */
  encode(text: string): number[];
  /** Tokens of the whole text, without start- and end-of-text. */
  count(text: string): number;
  /** Number of tokens that fit. */
  readonly room: number;
}

interface TokenizerFile {
  /** An extension of this project: a clean-up before the tokenizer, which the Hugging Face format cannot express. */
  clean?: CleanTables;
  added_tokens?: { id: number; content: string }[];
  normalizer?: Parameters<typeof normalizerOf>[0];
  pre_tokenizer?: { type?: string } | null;
  model?: { type?: string };
  post_processor?: {
    single?: { SpecialToken?: { id: string }; Sequence?: unknown }[];
    special_tokens?: Record<string, { ids: number[] }>;
    /** RobertaProcessing, as in CLIP's own file, and BertProcessing: [token, id]. */
    cls?: [string, number];
    sep?: [string, number];
  } | null;
}

/** Ids that the post-processor adds before and after a text. */
function markers(file: TokenizerFile): { before: number[]; after: number[] } {
  const { post_processor: post } = file;
  if (post?.cls && post.sep) return { before: [post.cls[1]], after: [post.sep[1]] };
  const single = post?.single ?? [];
  const at = single.findIndex((s) => s.Sequence !== undefined);
  const ids = (part: typeof single) => part.flatMap((s) => post?.special_tokens?.[s.SpecialToken?.id ?? '']?.ids ?? []);
  if (at < 0) throw new Error('the post-processor is neither a template nor that of CLIP or BERT');
  return { before: ids(single.slice(0, at)), after: ids(single.slice(at + 1)) };
}

/** Ids of a normalised text without its markers. Markers in it are plain characters: the file's added tokens are left out. */
function modelOf(file: TokenizerFile): (text: string) => number[] {
  if (file.model?.type === 'WordPiece') {
    const { type } = file.pre_tokenizer ?? {};
    if (type !== 'BertPreTokenizer') throw new Error(`the pre-tokenizer ${type} is not supported with WordPiece`);
    const pieces = wordPieces(file.model as WordPieceSpec);
    return (text) => bertWords(text).flatMap(pieces);
  }
  const portable = JSON.parse(JSON.stringify(file.pre_tokenizer ?? null), (key, value) =>
    key === 'Regex' && typeof value === 'string' ? portableRegex(value) : value,
  );
  const library = new Tokenizer(
    { ...file, added_tokens: [], normalizer: null, post_processor: null, pre_tokenizer: portable },
    {},
  );
  return (text) => library.encode(text, { add_special_tokens: false }).ids;
}

/** Builds the encoder of a parsed tokenizer.json (Hugging Face tokenizers format). */
export function createTokenizer(file: TokenizerFile, contextLength: number): TextTokenizer {
  const clean = file.clean ? cleanerOf(file.clean) : (text: string) => text;
  const normalize = normalizerOf(file.normalizer);
  const { before, after } = markers(file);
  const tokens = modelOf(file);
  const room = contextLength - before.length - after.length;
  return {
    encode: (text) => [...before, ...tokens(normalize(clean(text))).slice(0, room), ...after],
    count: (text) => tokens(normalize(clean(text))).length,
    room,
  };
}

/** @throws BundleError if tokenizer.json cannot be read or has an unsupported type */
export async function loadTokenizer(bundle: Bundle): Promise<TextTokenizer> {
  return readTokenizer(bundle);
}

/** As `loadTokenizer`; blocks while it reads half a megabyte. */
export function readTokenizer(bundle: Bundle): TextTokenizer {
  try {
    const file = JSON.parse(readFileSync(bundle.files.tokenizer, 'utf8')) as TokenizerFile;
    const [has, wants] = [file.clean?.rule ?? null, bundle.manifest.text.clean ?? null];
    if (has !== wants) throw new Error(`its clean-up is ${has}, the manifest says ${wants}`);
    return createTokenizer(file, bundle.manifest.text.context_length);
  } catch (error) {
    throw new BundleError(bundle.dir, [`tokenizer.json: ${(error as Error).message}`]);
  }
}
