import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { commandLines, DOCUMENTS } from '../helpers/documents.ts';
import { ROOT } from '../helpers/paths.ts';
import { type Commands, commandsOfProgram } from '../helpers/program.ts';

const LINES = DOCUMENTS.flatMap((d) => commandLines(d).map((line) => ({ path: d.path, line })));
const OTHER_PROGRAM = /^(docker|helm|kubectl|alias|image:|name:)/;
const PROGRAM = /(?:^|\s)(?:clipn-gate|node dist\/cli\/main\.js) (.*)$/;

const flagsIn = (words: string[]): string[] =>
  words.filter((word) => /^--?[a-z]/.test(word)).map((word) => word.split('=')[0] as string);

/** @param rest what follows the program's name; `keys list|revoke` is both of them */
function faultsOf(commands: Commands, rest: string): string[] {
  const words = rest.split(/\s+/);
  const either = words.findIndex((word) => /^[a-z]+(\|[a-z]+)+$/.test(word));
  if (either >= 0)
    return (words[either] as string).split('|').flatMap((one) => faultsOf(commands, words.with(either, one).join(' ')));
  const named: string[] = [];
  while (words[0] !== undefined && commands.has([...named, words[0]].join(' '))) named.push(words.shift() as string);
  const command = named.join(' ');
  const group = [...commands.keys()].some((name) => name.startsWith(`${command} `.trimStart()) && name !== command);
  if (group && /^[a-z]/.test(words[0] ?? '')) return [`"${command} ${words[0]}" is no command`];
  const known = commands.get(command) as Set<string>;
  return flagsIn(words)
    .filter((flag) => !known.has(flag))
    .map((flag) => `"${command}" has no flag ${flag}`);
}

describe('commands of the documents', () => {
  let commands: Commands;
  before(async () => {
    commands = await commandsOfProgram();
  });

  it('every clipn-gate command and each of its flags exists', () => {
    const called = LINES.filter(({ line }) => !OTHER_PROGRAM.test(line) || line.includes('node dist/')).flatMap(
      ({ path, line }) => {
        const [, rest] = PROGRAM.exec(line.replaceAll(/'[^']*'|"[^"]*"/g, 'TEXT')) ?? [];
        return rest === undefined ? [] : [{ path, rest }];
      },
    );
    assert.ok(called.length > 20);
    assert.deepEqual(
      called.flatMap(({ path, rest }) => faultsOf(commands, rest).map((fault) => `${path}: ${fault}`)),
      [],
    );
  });

  it('the check finds a command and a flag that do not exist', () => {
    assert.deepEqual(faultsOf(commands, 'tenants aply -f x'), ['"tenants aply" is no command']);
    assert.deepEqual(faultsOf(commands, 'tenants apply -f x --purge'), ['"tenants apply" has no flag --purge']);
    assert.deepEqual(faultsOf(commands, 'serve --max-batch 8 --nothing'), ['"serve" has no flag --nothing']);
  });

  it('every npm script exists, and every bench that is named', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    const benches = readFileSync(join(ROOT, 'test/bench/main.ts'), 'utf8');
    const faults = LINES.flatMap(({ path, line }) => {
      const [, script = '', bench] = /npm run ([\w:-]+)(?: -- ([a-z][\w-]*))?/.exec(line) ?? [];
      if (script === '') return [];
      if (scripts[script] === undefined) return [`${path}: npm run ${script}`];
      const unknown = script === 'bench' && bench !== undefined && !new RegExp(`['\\s]${bench}'?: \\{`).test(benches);
      return unknown ? [`${path}: npm run bench -- ${bench}`] : [];
    });
    assert.deepEqual(faults, []);
  });

  it('every file that a command names exists', () => {
    const named = LINES.flatMap(({ path, line }) =>
      [...line.matchAll(/(?:^|\s)((?:test|docker|\.ci|helm)\/[\w./*-]+)/g)].map(([, file]) => ({
        path,
        file: file as string,
      })),
    ).filter(({ file }) => !file.includes('*'));
    assert.ok(named.length > 5);
    assert.deepEqual(
      named.filter(({ file }) => !existsSync(join(ROOT, file))),
      [],
    );
  });

  it('every command and flag of python -m clipn_models exists', () => {
    const source = readdirSync(join(ROOT, 'models/clipn_models'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.py'))
      .map((name) => readFileSync(join(ROOT, 'models/clipn_models', name), 'utf8'))
      .join('\n');
    const faults = LINES.flatMap(({ path, line }) => {
      const [, rest] = /-m clipn_models (.*)$/.exec(line) ?? [];
      if (rest === undefined) return [];
      const words = rest.split(/\s+/);
      const unknown = flagsIn(words).filter((flag) => !source.includes(`"${flag}"`));
      const missing = /^[a-z]/.test(words[0] ?? '') && !source.includes(`"${words[0]}"`) ? [words[0]] : [];
      return [...missing, ...unknown].map((word) => `${path}: ${word}`);
    });
    assert.deepEqual(faults, []);
  });
});
