import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { TABLES, withTable } from '../helpers/document-tables.ts';
import { ROOT } from '../helpers/paths.ts';

for (const table of TABLES)
  it(`${table.document} has the table of ${table.name} that the program gives (npm run docs:tables writes it)`, async () => {
    const document = readFileSync(join(ROOT, table.document), 'utf8');
    assert.equal(document, await withTable(document, table));
  });
