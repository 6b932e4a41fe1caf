/**
 * The word list from which negative labels are mined: WordNet's nouns and adjectives, with its links. `python -m clipn_models words` makes
 * the files of models/words and describes their format.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { type Static, Type } from 'typebox';
import { PACKAGE } from '../installation.ts';
import { validatorOf } from '../validator.ts';

const About = Type.Object({
  name: Type.String(),
  version: Type.String(),
  source: Type.String(),
  licence: Type.String(),
  sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  nouns: Type.Integer({ minimum: 1 }),
  synsets: Type.Integer({ minimum: 1 }),
  adjectives: Type.Integer({ minimum: 0 }),
  superclasses: Type.Array(Type.String(), { minItems: 1 }),
});
type About = Static<typeof About>;
const isAbout = validatorOf(About);

const describesList = (value: unknown): value is About => isAbout(value);

/** Indices of words: from `from` to before `to`. */
interface Range {
  from: number;
  to: number;
}

export interface WordList {
  /** SHA-256 of the list's text, in hexadecimal: other words or links have another id. */
  id: string;
  about: About;
  /** All words by index: nouns, adjectives, and the conjugated pool (an adjective with a superclass each). */
  words: readonly string[];
  parts: { nouns: Range; adjectives: Range; pool: Range };
  /** Lemmas of each synset as they are in the list, separated by `|`; the first lemma of synset i < number of nouns is noun i. */
  lemmas: readonly string[];
  /** Synsets above each synset: its hypernyms. */
  above: readonly (readonly number[])[];
}

/** The text of an adjective as a label of its own (NegLabel's official template). Nouns and the pool go through the templates of classes. */
export const ADJECTIVE_TEMPLATE = 'This is a {} photo';

export const DEFAULT_WORDS = new URL('models/words/', PACKAGE);

/** Id, place and parts of a word list, without its words. @throws Error for a description that is missing or not in the format */
export async function describeWordList(
  folder: URL = DEFAULT_WORDS,
): Promise<Pick<WordList, 'id' | 'about' | 'parts'> & { folder: URL }> {
  const about: unknown = JSON.parse(await readFile(new URL('words.json', folder), 'utf8'));
  if (!describesList(about)) throw new Error(`${folder}words.json does not describe a word list`);
  const [a, b] = [about.nouns, about.nouns + about.adjectives];
  const parts = {
    nouns: { from: 0, to: a },
    adjectives: { from: a, to: b },
    pool: { from: b, to: b + about.adjectives },
  };
  return { id: about.sha256, about, parts, folder };
}

/** @throws Error for files that are missing, that do not belong together, or that are not in the format of a word list */
export async function loadWordList(folder: URL = DEFAULT_WORDS): Promise<WordList> {
  const { about } = await describeWordList(folder);
  const text = await promisify(gunzip)(await readFile(new URL('words.txt.gz', folder)));
  if (createHash('sha256').update(text).digest('hex') !== about.sha256)
    throw new Error(`${folder}words.txt.gz is not the file that words.json describes`);
  return parse(about, text.toString('utf8'));
}

function parse(about: About, text: string): WordList {
  const lines = text.split('\n').slice(0, -1);
  if (lines.length !== about.synsets + about.adjectives || about.nouns > about.synsets)
    throw new Error(`the word list has ${lines.length} lines, which is not what words.json says`);
  const rows = lines.slice(0, about.synsets).map((line) => line.split('\t'));
  const lemmas = rows.map((row) => row[0] as string);
  const above = rows.map((row) => (row[1] ? row[1].split(' ').map(Number) : []));
  if (!above.every((links) => links.every((i) => Number.isInteger(i) && i >= 0 && i < about.synsets)))
    throw new Error('the word list has a link to a synset that is not in it');
  const nouns = lemmas.slice(0, about.nouns).map((names) => names.split('|', 1)[0] as string);
  const adjectives = lines.slice(about.synsets);
  const pool = adjectives.map((word, i) => `${word} ${about.superclasses[i % about.superclasses.length]}`);
  const [a, b] = [nouns.length, nouns.length + adjectives.length];
  return {
    id: about.sha256,
    about,
    words: [...nouns, ...adjectives, ...pool],
    parts: { nouns: { from: 0, to: a }, adjectives: { from: a, to: b }, pool: { from: b, to: b + pool.length } },
    lemmas,
    above,
  };
}
