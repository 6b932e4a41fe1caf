import { readFileSync } from 'node:fs';
import { PACKAGE } from '../installation.ts';

/** The version of the program, from package.json: the one place where it is written by hand (`npm version`). */
export const VERSION: string = JSON.parse(readFileSync(new URL('package.json', PACKAGE), 'utf8')).version;
