import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { it } from 'node:test';
import { DOCUMENTS } from '../helpers/documents.ts';
import { ROOT } from '../helpers/paths.ts';

/** Samples of a style that needs decoding; each was once in a document, a comment or a message. */
const PHRASES = [
  'in lots that a frame can bear',
  'accuses no image',
  'texts done of all',
  'by the hand',
  'alone waits for itself',
  'meet itself there for ever',
  'turns verdicts',
  'of the last so long',
  'refused as well',
  'what was in force stays',
  'stands in the place of an image is none',
  'wait for each other crosswise',
];

function sources(folder: string, ending: RegExp): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((e) => e.isFile() && ending.test(e.name) && !/node_modules|test\/docs/.test(e.parentPath))
    .map((e) => relative(ROOT, join(e.parentPath, e.name)));
}

it('documents, comments and messages have none of the phrases that readers had to decode', () => {
  const files = [
    ...DOCUMENTS.map((d) => d.path),
    ...sources('src', /\.(ts|tsx|html)$/),
    ...sources('models/clipn_models', /\.py$/),
    ...sources('helm', /\.(yaml|tpl|txt)$/),
    ...sources('docker', /^[^.]/),
  ];
  const found = files.flatMap((path) => {
    // comments are wrapped: a phrase may go over the end of a line
    const text = readFileSync(join(ROOT, path), 'utf8').replaceAll(/\s*\n\s*(?:\/\/|\*|#)?\s*/g, ' ');
    return PHRASES.filter((phrase) => text.toLowerCase().includes(phrase.toLowerCase())).map((p) => `${path}: ${p}`);
  });
  assert.deepEqual(found, []);
});
