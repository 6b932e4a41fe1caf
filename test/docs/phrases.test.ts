import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { it } from 'node:test';
import { DOCUMENTS } from '../helpers/documents.ts';
import { ROOT } from '../helpers/paths.ts';
import { CLAUSE_HEADING, PATTERNS, PHRASES, TITLE_PATTERNS } from './phrases.ts';

/** Folders of files that this project does not write, or that contain the phrases on purpose. */
const NOT_OURS = /node_modules|__pycache__|test\/(?:docs|fixtures)|differential\/cases/;

function sources(folder: string, ending: RegExp): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((e) => e.isFile() && ending.test(e.name) && !NOT_OURS.test(e.parentPath))
    .map((e) => relative(ROOT, join(e.parentPath, e.name)));
}

/** Faults of a text by phrases and patterns. Comments are wrapped, so a phrase may go over the end of a line. */
function faultsOf(text: string): string[] {
  const joined = text.replaceAll(/\s*\n\s*(?:\/\/|\*|#)?\s*/g, ' ');
  const lower = joined.toLowerCase();
  const phrases = PHRASES.filter((phrase) => lower.includes(phrase.toLowerCase()));
  const patterns = Object.entries(PATTERNS).flatMap(([fault, pattern]) => {
    const [found] = pattern.exec(joined) ?? [];
    return found === undefined ? [] : [`${fault}: ${found.slice(0, 80)}`];
  });
  return [...phrases, ...patterns];
}

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

/** Titles of a test file of Node.js, or names of the tests of a Python file as words. */
function titlesOf(path: string): string[] {
  if (path.endsWith('.py')) {
    const names = read(path).matchAll(/^(?:async )?def test_(\w+)/gm);
    return [...names].map(([, name = '']) => name.replaceAll('_', ' '));
  }
  return [...read(path).matchAll(/^ *(?:it|describe|test)\(\s*(['"`])(.*?)\1, /gm)].map(([, , title = '']) => title);
}

it('documents, comments, messages and tests have none of the phrases that readers had to decode', () => {
  const documents = DOCUMENTS.map((d) => d.path);
  const files = [
    ...documents,
    ...sources('src', /\.(?:ts|tsx|html|css)$/),
    ...sources('models/clipn_models', /\.py$/),
    ...sources('models/tests', /\.py$/),
    ...sources('helm', /\.(?:yaml|tpl|txt)$/),
    ...sources('docker', /^[^.]/),
    ...sources('.ci', /./),
    ...sources('scripts', /\.(?:ts|mjs|sh)$/),
    ...sources('clients', /^(?:build|schemathesis.*|requirements\.txt|.*\.(?:ts|py))$/),
    ...sources('proto', /\.proto$/),
    ...sources('test', /\.(?:ts|tsx|mjs|sh|py|yaml|txt)$/),
  ];
  assert.ok(files.length > 1000, `only ${files.length} files were found`);
  const found = files.flatMap((path) => faultsOf(read(path)).map((fault) => `${path}: ${fault}`));
  const headings = documents.flatMap((path) => {
    const [heading] = CLAUSE_HEADING.exec(read(path)) ?? [];
    return heading === undefined ? [] : [`${path}: ${heading}`];
  });
  assert.deepEqual([...found, ...headings], []);
});

it('titles of tests have none of the phrases that readers had to decode', () => {
  const files = [...sources('test', /\.test\.ts$/), ...sources('models/tests', /^test_.*\.py$/)];
  const titles = files.flatMap((path) => titlesOf(path).map((title) => ({ path, title })));
  assert.ok(titles.length > 1500, `only ${titles.length} titles were found`);
  const found = titles.flatMap(({ path, title }) => {
    const patterns = TITLE_PATTERNS.filter((pattern) => pattern.test(title)).map(String);
    return [...faultsOf(title), ...patterns].map((fault) => `${path}: ${title} (${fault})`);
  });
  assert.deepEqual(found, []);
});

it('the check finds a phrase over the end of a line, a clause as a subject, and a clause as a heading', () => {
  assert.deepEqual(faultsOf('// a client that asks for\n// little'), ['asks for little']);
  assert.equal(faultsOf("summary: 'What refused images look like, today'").length, 1);
  assert.equal(faultsOf('/** What a caller sees. */').length, 1);
  assert.equal(faultsOf('**What stays.** A label').length, 1);
  assert.deepEqual(faultsOf("title: 'Which class does the image show?'"), []);
  assert.match('# A\n\n## What is stored\n', CLAUSE_HEADING);
  assert.doesNotMatch('## What does the page show?\n', CLAUSE_HEADING);
});
