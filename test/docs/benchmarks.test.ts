import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ANY_LOAD } from '../bench/measure/any-load.ts';
import { documentAt } from '../helpers/documents.ts';
import { ROOT } from '../helpers/paths.ts';

const { text } = documentAt('docs/benchmarks.md');

/** Sections without a measurement of their own. */
const WITHOUT_FIGURES = ['How the benches work'];

/** Parts of a section that make a figure repeatable. */
const PARTS: Record<string, RegExp> = {
  'a commit': /\bcommits? [0-9a-f]{7}\b/,
  'a date': /\b20\d\d-\d\d-\d\d\b/,
  'a machine': /\b[Mm]achine [ABC]\b/,
  'a model, or that there is none': /\bclipn-(?:small|tiny)\b|without a model/,
  'a command': /`[^`]*\b(?:npm|node|sh|python|curl|gpu\.sh)\b[^`]*`|```sh\n/,
};

describe('docs/benchmarks.md', () => {
  it('every section of figures names a commit, a date, a machine, a model and a command', () => {
    const sections = text.split(/^## /m).slice(1);
    assert.ok(sections.length > 15, `only ${sections.length} sections were found`);
    const missing = sections
      .map((section) => ({ section, title: section.slice(0, section.indexOf('\n')) }))
      .filter(({ title }) => !WITHOUT_FIGURES.includes(title))
      .flatMap(({ section, title }) =>
        Object.entries(PARTS).flatMap(([part, pattern]) => (pattern.test(section) ? [] : [`${title}: ${part}`])),
      );
    assert.deepEqual(missing, []);
  });

  it('names exactly the benches that measure on a busy machine, and each of them exists', () => {
    const sentence = /measure at any load: ([^.]*)\./.exec(text)?.[1] ?? '';
    const named = [...sentence.matchAll(/`([\w-]+)`/g)].map(([, name = '']) => name);
    assert.deepEqual(named.sort(), Object.keys(ANY_LOAD).sort());
    const program = readFileSync(join(ROOT, 'test/bench/main.ts'), 'utf8');
    const unknown = named.filter((name) => !new RegExp(`^  '?${name}'?: \\{`, 'm').test(program));
    assert.deepEqual(unknown, []);
  });
});
