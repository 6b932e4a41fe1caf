import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { filesOf, linesOf, nodesOf, type SourceFile } from './helpers/syntax.ts';

const MAX_FILE = 300;
const MAX_FUNCTION = 60;
const MAX_MEDIAN = 80;

/** Larger than the rule allows, each with the reason; a line that is no longer needed is an error too. */
const LARGER: Record<string, string> = {
  'app.ts: a function': 'the registrations of the application, one a line, in the order in which they count',
  'telemetry/metrics.ts: a function': 'a list of declarations, one metric after the other',
};

const FUNCTION = /^(?:FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/;

/** Lengths of the functions of a file in lines, heads included. */
function functions(file: SourceFile): number[] {
  return nodesOf(file)
    .filter(({ type }) => FUNCTION.test(type))
    .map((node) => linesOf(file, node));
}

const fileLength = ({ text }: SourceFile) => text.trimEnd().split('\n').length;

describe('sizes in src/', () => {
  const sources = filesOf('src', /\.tsx?$/);
  const all = [...sources, ...filesOf('src', /\.(?:css|html)$/)];
  const tooLarge = [
    ...all.filter((file) => fileLength(file) > MAX_FILE).map(({ name }) => name),
    ...sources.flatMap((file) =>
      functions(file).some((length) => length > MAX_FUNCTION) ? [`${file.name}: a function`] : [],
    ),
  ];

  it(`no file of src/ has more than ${MAX_FILE} lines and no function more than ${MAX_FUNCTION}, except for listed ones`, () => {
    assert.ok(sources.length > 100 && all.length > sources.length + 5);
    assert.deepEqual(tooLarge.sort(), Object.keys(LARGER).sort());
  });

  it(`half of the files of src/ have at most ${MAX_MEDIAN} lines`, () => {
    const sorted = sources.map(fileLength).sort((a, b) => a - b);
    assert.ok((sorted[sorted.length >> 1] as number) <= MAX_MEDIAN);
  });

  it('the test of sizes finds functions, methods and arrow functions, also those with a head of several lines', () => {
    const text = [
      'export async function a(',
      '  b: string,',
      ') {',
      '  c();',
      '}',
      'class D {',
      '  #e(f: number): void {',
      '  }',
      '  g(',
      '    h: number,',
      '  ): void {',
      '  }',
      '}',
      'function i({',
      '  j,',
      '}: Options) {',
      '  k();',
      '}',
      'const l = () => {',
      '};',
    ].join('\n');
    assert.deepEqual(functions({ name: 'sample.ts', text }), [5, 2, 4, 5, 2]);
  });
});
