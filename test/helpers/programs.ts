import { join } from 'node:path';
import { ROOT } from './paths.ts';

/** Folder of the bundle that the tests run from, if they do (scripts/run-tests.mjs). */
const BUNDLED = process.env['TEST_PROGRAMS'];

/** Arguments of node that run a program of test/ in a process of its own, from the bundle or from its source. @param name its path below test/, without ending */
export const testProgram = (name: string): string[] =>
  BUNDLED ? [join(BUNDLED, `test/${name}.js`)] : ['--import', 'tsx', join(ROOT, `test/${name}.ts`)];
