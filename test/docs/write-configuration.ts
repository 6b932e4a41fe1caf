/** `npm run docs:configuration`: writes the table of docs/configuration.md from the schema of the settings. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withConfigurationTable } from '../helpers/configuration-table.ts';
import { ROOT } from '../helpers/paths.ts';

const path = join(ROOT, 'docs/configuration.md');
writeFileSync(path, withConfigurationTable(readFileSync(path, 'utf8')));
