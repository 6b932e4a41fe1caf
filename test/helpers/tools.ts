import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Folder of the programs that `.ci/tools` installs; CLIPN_TOOLS names it, else they are looked for in PATH alone. */
const FOLDERS = [
  ...(process.env['CLIPN_TOOLS'] ? [join(process.env['CLIPN_TOOLS'], 'bin')] : []),
  ...(process.env['PATH'] ?? '').split(delimiter),
];

/** Where a program is, or undefined. */
export function tool(name: string): string | undefined {
  return FOLDERS.map((dir) => join(dir, name)).find(existsSync);
}

/** Reason to skip a test in its name, or false. */
export function without(...names: string[]): string | false {
  const missing = names.filter((name) => tool(name) === undefined);
  return missing.length === 0 ? false : `needs ${missing.join(' and ')} (.ci/tools installs what CI uses; CLIPN_TOOLS)`;
}

export interface Ran {
  code: number;
  output: string;
}

/** Runs a program to its end, whatever its exit status. */
export function run(name: string, args: string[], input = ''): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = execFile(tool(name) ?? name, args, { maxBuffer: 64 * 2 ** 20 }, (error, stdout, stderr) => {
      if (error && typeof error.code !== 'number') reject(error);
      else resolve({ code: error ? Number(error.code) : 0, output: stdout + stderr });
    });
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}

/** Standard output of a program that must succeed. */
export function output(name: string, args: string[]): string {
  return execFileSync(tool(name) ?? name, args, { encoding: 'utf8', maxBuffer: 64 * 2 ** 20 });
}
