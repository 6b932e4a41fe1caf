import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseAst } from 'rolldown/parseAst';
import { ROOT } from './paths.ts';

/** A node of a syntax tree in the form of ESTree, with the offsets of its text. */
export interface SyntaxNode {
  type: string;
  start: number;
  end: number;
  [member: string]: unknown;
}

export interface SourceFile {
  /** Relative to the folder that was read. */
  name: string;
  text: string;
}

/** The files of a folder of the checkout, and of the folders below it, whose names match. */
export function filesOf(folder: string, ending: RegExp): SourceFile[] {
  const base = join(ROOT, folder);
  return readdirSync(base, { recursive: true, withFileTypes: true })
    .filter((e) => e.isFile() && ending.test(e.name))
    .map((e) => join(e.parentPath, e.name))
    .map((path) => ({ name: relative(base, path), text: readFileSync(path, 'utf8') }));
}

const isNode = (value: object): value is SyntaxNode => 'type' in value && 'start' in value;

function* within(value: unknown): Generator<SyntaxNode> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value) && isNode(value)) yield value;
  for (const member of Object.values(value)) yield* within(member);
}

/** All nodes of TypeScript source, outer ones first. @throws SyntaxError */
export function nodesOf({ name, text }: SourceFile): SyntaxNode[] {
  return [...within(parseAst(text, { lang: name.endsWith('x') ? 'tsx' : 'ts' }, name))];
}

/** The number of the line at an offset of a text, from 1. */
export const lineAt = (text: string, offset: number): number => text.slice(0, offset).split('\n').length;

/** Lines that a node has. */
export const linesOf = ({ text }: SourceFile, { start, end }: SyntaxNode): number =>
  text.slice(start, end).split('\n').length;
