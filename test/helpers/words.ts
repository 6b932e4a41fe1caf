import { createHash } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

export interface SmallList {
  /** Lemmas of each noun, separated by `|`, with the places of those above it. */
  nouns: [string, ...number[]][];
  adjectives: string[];
}

/** Writes a word list in the format of models/words; returns its folder. */
export function writeWordList({ nouns, adjectives }: SmallList): string {
  const folder = mkdtempSync(join(tmpdir(), 'clipn-words-'));
  const lines = [...nouns.map(([lemmas, ...above]) => `${lemmas}\t${above.join(' ')}`), ...adjectives];
  const text = lines.map((line) => `${line}\n`).join('');
  const about = {
    name: 'small',
    version: '1',
    source: 'made for a test',
    licence: 'none',
    sha256: createHash('sha256').update(text).digest('hex'),
    nouns: nouns.length,
    synsets: nouns.length,
    adjectives: adjectives.length,
    superclasses: ['thing', 'scene'],
  };
  writeFileSync(join(folder, 'words.txt.gz'), gzipSync(text));
  writeFileSync(join(folder, 'words.json'), JSON.stringify(about));
  return folder;
}

/** A list of some everyday words: `animal` is above `dog`, which is above `poodle`. */
export const SMALL_LIST: SmallList = {
  nouns: [
    ['animal'],
    ['dog|domestic dog', 0],
    ['poodle', 1],
    ['cat', 0],
    ...['lamp', 'bridge', 'invoice', 'cloud', 'teapot', 'engine', 'mountain', 'violin', 'bread', 'receipt'].map(
      (word): [string] => [word],
    ),
  ],
  adjectives: ['wooden', 'blurred', 'narrow', 'bright', 'empty', 'striped'],
};
