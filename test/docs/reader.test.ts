import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ROOT } from '../helpers/paths.ts';

const PAGE = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8');

/** Cells of the table below a heading, without its head. */
function rowsBelow(heading: string): string[][] {
  const section = PAGE.split(`${heading}\n`)[1]?.split(/\n##+ /)[0] ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((row) => row.split('|').slice(1, -1));
}

describe('the record of a reader in docs/architecture.md', () => {
  const rows = rowsBelow('### Tried with a reader');

  it('it has ten questions, each with at most two files, and their number', () => {
    assert.equal(rows.length, 10);
    for (const [question, count, answer] of rows) {
      const files = (answer as string).split(';');
      assert.equal(Number(count), files.length, question);
      assert.ok(files.length <= 2, question);
    }
  });

  it('every file of an answer exists and has the name that the answer gives', () => {
    for (const [question, , answer] of rows) {
      for (const place of (answer as string).split(';')) {
        const [, file, name] = /^ `([^`]+)`: `([^`]+)` ?$/.exec(place) ?? [];
        assert.ok(file && name, `${question}: ${place}`);
        assert.ok(existsSync(join(ROOT, file)), file);
        assert.ok(readFileSync(join(ROOT, file), 'utf8').includes(name), `${file} has no ${name}`);
      }
    }
  });
});
