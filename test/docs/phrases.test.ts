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
  'in the place of',
  'stand in for',
  'stands in for',
  'stands in where',
  'must have no say',
  "nobody's business",
  'grows full',
  'grown full',
  'as good as absent',
  'is not believed',
  'goes on to serve',
  'gives it back',
  'what serves now',
  'was whole',
  'half-way',
  'lets go',
  'let go of',
  'hear of',
  'told apart',
  'is let in',
  'are let in',
  'puts away',
  'when there is hurry',
  'is made anew',
  'come out different',
  'takes hold',
  'no second helping',
  'its ear at',
  'must have no company',
  'takes the next engine with it',
  'is under suspicion',
  'put away',
  'waits for nobody',
  'pictures of nothing',
  'proved to have no say',
  'is told as such',
  'lies on white',
  'stand for everything else',
  'stumbled over',
  'what decides every number',
  'tell apart',
  'accused',
  'takes nothing with it',
  'straight away',
  'leaves alone',
  'as it lies',
  'in one go',
  'taken at their word',
  'winds it up',
  'has a right to its',
  'died young',
  'the company they were in',
  'nothing worse',
  'speaks for all',
  "dispatcher's business",
  'asks for little',
  'what came of',
  'of no use to',
  'turns its event loop',
  'restarting the pod on top',
  'learned nothing',
  'at hand',
  'lets out what',
  'begin anew',
  'as it would have',
  'torn by',
  'torn line',
  'goes on serving',
  'go on serving',
  "can't rot",
  'some air',
  'with a way out',
];

/** Turns of phrase without a fixed text, each by its fault. They are matched against the joined lines of a file. */
const PATTERNS: Record<string, RegExp> = {
  'the subject is a clause with What or Whoever':
    /(?:[.:;] |\/\*\* |\/\/ |# |\{\{\/\* |""")(?:What|Whoever|Whatever|How far) [^.?;|]{3,200}[.;]/,
  'a person instead of a process, request or client': /\b(?:nobody|somebody|whoever|everybody)\b/,
  'told instead of logged or written': /\b(?:is|are|was|were) told\b/,
  'lies instead of is': /\b(?:lies|lay) (?:in|behind|beside)\b|\bmay lie in\b/,
  'gone instead of ended, removed or missing': /\bis gone\b/,
  'says instead of shows or reports': /\bsays nothing\b|\bsays? so\b/,
};

/** The same for the titles of tests, which must say what holds without the file around them. */
const TITLE_PHRASES = [
  /^what (?!is not)/,
  /\bwhoever\b/,
  /\bnobody\b/,
  /\bunder way\b/,
  /\bto the letter\b/,
  /\b(?:is|are) told\b/,
  /\bis whole\b/,
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
    ...sources('.ci', /./),
  ];
  const found = files.flatMap((path) => {
    // comments are wrapped: a phrase may go over the end of a line
    const text = readFileSync(join(ROOT, path), 'utf8').replaceAll(/\s*\n\s*(?:\/\/|\*|#)?\s*/g, ' ');
    const phrases = PHRASES.filter((phrase) => text.toLowerCase().includes(phrase.toLowerCase()));
    const patterns = Object.entries(PATTERNS).flatMap(([fault, pattern]) => {
      const [found] = pattern.exec(text) ?? [];
      return found === undefined ? [] : [`${fault}: ${found.slice(0, 80)}`];
    });
    return [...phrases, ...patterns].map((found) => `${path}: ${found}`);
  });
  assert.deepEqual(found, []);
});

it('titles of tests have none of the phrases that readers had to decode', () => {
  const found = sources('test', /\.test\.ts$/).flatMap((path) => {
    const titles = readFileSync(join(ROOT, path), 'utf8').matchAll(/^ *(?:it|describe)\(\s*(['"`])(.*?)\1, /gm);
    return [...titles].flatMap(([, , title = '']) =>
      TITLE_PHRASES.filter((phrase) => phrase.test(title)).map((phrase) => `${path}: ${title} (${phrase})`),
    );
  });
  assert.deepEqual(found, []);
});
