import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { describeConfig } from '../../src/config/index.ts';
import { DOCUMENTS, documentAt } from '../helpers/documents.ts';
import { ROOT } from '../helpers/paths.ts';

const settings = new Set(describeConfig().map((row) => row.variable));

/** Text of all files below some folders: where variables of tests, benches and scripts are read. */
function sourceOf(folders: string[]): string {
  return folders
    .flatMap((folder) => readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true }))
    .filter((e) => e.isFile() && /\.(ts|py|sh|yaml|mjs|tpl)$|^(run|tools|image|Dockerfile)/.test(e.name))
    .filter((e) => !e.parentPath.includes('node_modules') && !e.parentPath.includes('test/docs'))
    .map((e) => readFileSync(join(e.parentPath, e.name), 'utf8'))
    .join('\n');
}

/** CLIPN_KEY_... stands for all that begin so. */
function faultOf(variable: string, source: string): string[] {
  const family = variable.endsWith('_');
  const known = family ? [...settings].some((s) => s.startsWith(variable)) : settings.has(variable);
  return known || (!family && source.includes(variable)) ? [] : [variable];
}

describe('settings in the documents', () => {
  it('every CLIPN_ variable that a document names is a setting, or is read by commands, tests or scripts', () => {
    const source = sourceOf(['src/cli', 'test', '.ci', 'docker', 'helm', 'models/tests']);
    const faults = DOCUMENTS.flatMap(({ path, text }) =>
      [...text.matchAll(/\bCLIPN_[A-Z0-9_]+/g)].flatMap(([v]) => faultOf(v, source).map((f) => `${path}: ${f}`)),
    );
    assert.deepEqual(faults, []);
    assert.deepEqual(faultOf('CLIPN_MAX_BATCHES', source), ['CLIPN_MAX_BATCHES']);
  });

  it('docs/configuration.md has every setting', () => {
    const { text } = documentAt('docs/configuration.md');
    assert.deepEqual(
      [...settings].filter((variable) => !text.includes(`| \`${variable}\` |`)),
      [],
    );
  });
});
