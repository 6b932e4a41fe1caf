/** `npm run docs:tables`: writes the tables of settings and metrics into docs/ from the program. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TABLES, withTable } from '../helpers/document-tables.ts';
import { ROOT } from '../helpers/paths.ts';

for (const table of TABLES) {
  const path = join(ROOT, table.document);
  writeFileSync(path, await withTable(readFileSync(path, 'utf8'), table));
}
