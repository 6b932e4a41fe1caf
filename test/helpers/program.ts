import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { COMMAND } from './paths.ts';

/** Flags of every command of the built program by its words: `tenants apply` -> --prune, -f, ... */
export type Commands = Map<string, Set<string>>;

async function help(words: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [COMMAND, ...words, '--help'], {
    env: { ...process.env, COLUMNS: '200' },
  });
  return stdout;
}

async function add(commands: Commands, words: string[]): Promise<void> {
  const text = await help(words);
  const flags = [...text.matchAll(/^ {2}(-\w)?(?:, )?(--[\w-]+)?(?: |$)/gm)].flatMap(([, short, long]) => [
    short,
    long,
  ]);
  commands.set(words.join(' '), new Set(flags.filter((flag) => flag !== undefined)));
  const [, listed = ''] = text.split(/^Commands:$/m);
  const names = [...listed.matchAll(/^ {2}([a-z][\w-]*)/gm)]
    .map(([, name]) => name as string)
    .filter((n) => n !== 'help');
  for (const name of names) await add(commands, [...words, name]);
}

/** Asks the built program itself, through --help. */
export async function commandsOfProgram(): Promise<Commands> {
  const commands: Commands = new Map();
  await add(commands, []);
  return commands;
}
