import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { describeConfig } from '../../src/config/index.ts';
import { ROOT } from '../helpers/paths.ts';

const SECTION = /<!-- configuration -->\n[\s\S]*?<!-- \/configuration -->/;

/** The README's table as the schema has it. `UPDATE_README=1 npm test` writes it. */
it('the README describes every setting as the schema has it', () => {
  const rows = describeConfig().map(
    ({ variable, default: fallback, meaning }) => `| \`${variable}\` | \`${fallback}\` | ${meaning} |`,
  );
  const table = [
    '<!-- configuration -->',
    '| variable | default | |',
    '|---|---|---|',
    ...rows,
    '<!-- /configuration -->',
  ].join('\n');
  const path = join(ROOT, 'README.md');
  const readme = readFileSync(path, 'utf8');
  assert.match(readme, SECTION);
  if (process.env['UPDATE_README'])
    writeFileSync(
      path,
      readme.replace(SECTION, () => table),
    );
  assert.equal(SECTION.exec(readFileSync(path, 'utf8'))?.[0], table);
});
