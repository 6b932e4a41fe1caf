import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { filesOf, lineAt, nodesOf, type SourceFile, type SyntaxNode } from './helpers/syntax.ts';

const FILES = filesOf('src', /\.tsx?$/).map((file) => ({ file, nodes: nodesOf(file) }));

const typeOf = (node: unknown) => (node as SyntaxNode | undefined)?.type;
const nameOf = (node: unknown) => (node as { name?: string } | null | undefined)?.name ?? '';

/** Casts that switch the checks of types off: to never or any, or by way of unknown or another type; and annotations with any. */
function uncheckedCasts(nodes: readonly SyntaxNode[]): SyntaxNode[] {
  return nodes.filter((node) => {
    if (node.type === 'TSAnyKeyword') return true;
    if (!/^TS(?:AsExpression|TypeAssertion)$/.test(node.type)) return false;
    if (typeOf(node['typeAnnotation']) === 'TSNeverKeyword') return true;
    return /^TS(?:AsExpression|TypeAssertion)$/.test(typeOf(node['expression']) ?? '');
  });
}

/** Names of the types that a file declares and exports: interfaces, type aliases and classes. */
function exportedTypes(nodes: readonly SyntaxNode[]): string[] {
  return nodes
    .filter(({ type }) => type === 'ExportNamedDeclaration')
    .map(({ declaration }) => declaration as SyntaxNode | null)
    .filter((declared) => /^(?:TSInterface|TSTypeAlias|Class)Declaration$/.test(declared?.type ?? ''))
    .map((declared) => nameOf(declared?.['id']));
}

/** Lists that name both rules of the paper. */
function ruleLists(nodes: readonly SyntaxNode[]): SyntaxNode[] {
  return nodes.filter(({ type, elements }) => {
    if (type !== 'ArrayExpression') return false;
    const values = (elements as ({ value?: unknown } | null)[]).map((element) => element?.value);
    return values.includes('ctw') && values.includes('atd');
  });
}

/** Times that are declared as numbers without their unit in the name. */
const TIMES = 'timeout interval every delay wait age duration elapsed grace pause ttl lifetime span'.split(' ');
const capital = (word: string) => word.charAt(0).toUpperCase() + word.slice(1);
const TIME = new RegExp(`^(?:${TIMES.join('|')})$|[a-z](?:${TIMES.map(capital).join('|')})$`);
function timesWithoutUnit(nodes: readonly SyntaxNode[]): string[] {
  const isNumber = (node: unknown) =>
    typeOf((node as { typeAnnotation?: SyntaxNode } | undefined)?.typeAnnotation) === 'TSNumberKeyword';
  return nodes.flatMap((node) => {
    const named = /^(?:TSPropertySignature|PropertyDefinition)$/.test(node.type) ? node['key'] : node;
    const name = nameOf(named);
    return isNumber(node['typeAnnotation']) && TIME.test(name) ? [name] : [];
  });
}

/** Where each finding of `of` is, as file and line. */
const places = (of: (nodes: readonly SyntaxNode[]) => SyntaxNode[]) =>
  FILES.flatMap(({ file, nodes }) => of(nodes).map(({ start }) => `${file.name}:${lineAt(file.text, start)}`));
const withoutLine = (place: string) => place.replace(/:\d+$/, '');
const sample = (text: string) => nodesOf({ name: 'sample.ts', text } satisfies SourceFile);

describe('types in src/', () => {
  /** Casts without a check, each with the reason. */
  const CASTS: Record<string, string> = {
    'grpc/app.ts':
      'an application of Fastify and its hooks have one kind of server, and the shared hooks are typed for HTTP/1',
  };

  it('no cast goes to never or any, or by way of another cast, except for listed ones', () => {
    assert.deepEqual(places(uncheckedCasts).map(withoutLine), Object.keys(CASTS));
  });

  it('the test of casts sees each of them', () => {
    const text =
      'a as never; b as unknown as B; <C>(<unknown>c); let d: any; (e as unknown); f as F; g as object as G;';
    assert.equal(uncheckedCasts(sample(text)).length, 5);
  });

  /** Files whose types have the names of the contract, which they derive from its schemas. */
  const DERIVED = ['console/api/types.ts'];

  it('every exported type has a name of its own', () => {
    const homes = new Map<string, string[]>();
    for (const { file, nodes } of FILES) {
      if (DERIVED.includes(file.name)) continue;
      for (const name of exportedTypes(nodes)) homes.set(name, [...(homes.get(name) ?? []), file.name]);
    }
    assert.ok(homes.size > 300, `${homes.size} types`);
    const repeated = [...homes].filter(([, files]) => files.length > 1);
    assert.deepEqual(repeated, []);
  });

  it('a time has its unit in its name', () => {
    assert.deepEqual(
      FILES.flatMap(({ file, nodes }) => timesWithoutUnit(nodes).map((name) => `${file.name} ${name}`)),
      [],
    );
    const text =
      'interface A { timeout: number; idleTimeout?: number; waitMs: number; image: number }; (every: number) => 1;';
    assert.deepEqual(timesWithoutUnit(sample(text)), ['timeout', 'idleTimeout', 'every']);
  });
});

describe('names in src/', () => {
  /** Lists that name rules, each with the reason. All others follow from clipn/decisions.ts. */
  const LISTS: Record<string, string> = {
    'clipn/decisions.ts': 'the list of the rules',
    'clipn/scores.ts': 'the list of the scores',
    'console/playground/explain.ts': 'the page carries no code of the service; test/console/text.test.ts compares them',
    'evaluation/collector.ts': 'a choice of two',
    'evaluation/report/sections.ts': 'scores between 0 and 1',
  };

  it('the names of the rules are listed once', () => {
    assert.deepEqual([...new Set(places(ruleLists).map(withoutLine))].sort(), Object.keys(LISTS).sort());
    assert.equal(ruleLists(sample("x(['atd', 'ctw', 'y']); y(['ctw']); z({ ctw: 1, atd: 2 });")).length, 1);
  });

  /** Folders and files in which a word of the glossary in docs/architecture.md may name something. */
  const WORDS: [word: RegExp, homes: RegExp][] = [
    [
      /^lanes?$/,
      /^niceness\.ts$|^(?:engine|config)\/|^bundle\/manifest\.ts$|^serving\/engine-options\.ts$|^cli\/detect\/detect\.ts$/,
    ],
    [/^outcomes?$/, /^engine\/|^http\/routes\/detect\/|^cli\/serve\/events\.ts$/],
    [/^slots?$/, /^(?:engine|drift)\//],
    [/^feeds?$/, /^engine\//],
  ];

  it('words of the glossary name nothing else', () => {
    const wrong = FILES.flatMap(({ file, nodes }) => {
      const words = WORDS.filter(([, homes]) => !homes.test(file.name)).map(([word]) => word);
      const names = nodes.filter(({ type }) => /^(?:Private)?Identifier$/.test(type)).map(nameOf);
      return [...new Set(names.filter((name) => words.some((word) => word.test(name))))].map(
        (name) => `${file.name} ${name}`,
      );
    });
    assert.deepEqual(wrong, []);
  });
});
