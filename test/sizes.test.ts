import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { describe, it } from 'node:test';

const SRC = resolve(import.meta.dirname, '../src');
const MAX_FILE = 300;
const MAX_FUNCTION = 60;
const MAX_MEDIAN = 80;

/** Larger than the rule allows, each with the reason; a line that is no longer needed is an error too. */
const LARGER: Record<string, string> = {
  'app.ts: a function': 'the registrations of the application, one a line, in the order in which they count',
  'telemetry/metrics.ts: a function': 'a list of declarations, one metric after the other',
};

const FILES = readdirSync(SRC, { recursive: true, withFileTypes: true })
  .filter((e) => e.isFile() && /\.tsx?$/.test(e.name))
  .map((e) => join(e.parentPath, e.name));
const nameOf = (file: string) => relative(SRC, file);
const linesOf = (file: string) => readFileSync(file, 'utf8').trimEnd().split('\n');

/** A line that opens the block of a function: declaration, method, or arrow function that ends its line. */
const OPENS =
  /^(\s*)(?:(?:export |default |async )*function\b.*|(?:(?:static|override|async|get|set|private) )*[#\w]+(?:<.*>)?\(.*\).*\{|.*=>\s*\{)$/;
const STATEMENT = /^\s*(?:\}|if|for|while|switch|catch|return\b(?!.*=>))/;

/** Lengths of the functions in formatted source: a block ends at the first line that is indented like its head and closes it. */
function functions(lines: readonly string[]): { at: number; length: number }[] {
  return lines.flatMap((line, at) => {
    const indent = OPENS.exec(line)?.[1];
    if (indent === undefined || STATEMENT.test(line)) return [];
    // a head of several lines closes its parentheses first: `): Type {`
    const end = lines.findIndex((l, i) => i > at && l.startsWith(`${indent}}`));
    return [{ at: at + 1, length: (end < 0 ? lines.length : end) - at + 1 }];
  });
}

describe('sizes in src/', () => {
  const sizes = FILES.map((file) => ({ name: nameOf(file), lines: linesOf(file) }));
  const tooLarge = [
    ...sizes.filter(({ lines }) => lines.length > MAX_FILE).map(({ name }) => name),
    ...sizes.flatMap(({ name, lines }) =>
      functions(lines).some(({ length }) => length > MAX_FUNCTION) ? [`${name}: a function`] : [],
    ),
  ];

  it(`no file of src/ has more than ${MAX_FILE} lines and no function more than ${MAX_FUNCTION}, except for listed ones`, () => {
    assert.ok(sizes.length > 100);
    assert.deepEqual(tooLarge.sort(), Object.keys(LARGER).sort());
  });

  it(`half of the files of src/ have at most ${MAX_MEDIAN} lines`, () => {
    const sorted = sizes.map(({ lines }) => lines.length).sort((a, b) => a - b);
    assert.ok((sorted[sorted.length >> 1] as number) <= MAX_MEDIAN);
  });

  it('the test of sizes sees functions, methods and arrow functions', () => {
    const source = [
      'export async function a(',
      '  b: string,',
      ') {',
      '  c();',
      '}',
      'class D {',
      '  #e(f: number): void {',
      '  }',
      '}',
      'const g = () => {',
      '};',
    ];
    assert.deepEqual(
      functions(source).map(({ length }) => length),
      [5, 2, 2],
    );
  });
});
