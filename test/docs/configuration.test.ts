import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { withConfigurationTable } from '../helpers/configuration-table.ts';
import { ROOT } from '../helpers/paths.ts';

it('docs/configuration.md has the table that the schema gives (npm run docs:configuration writes it)', () => {
  const document = readFileSync(join(ROOT, 'docs/configuration.md'), 'utf8');
  assert.equal(document, withConfigurationTable(document));
});
