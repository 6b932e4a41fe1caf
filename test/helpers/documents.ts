import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ROOT } from './paths.ts';

export interface Block {
  language: string;
  text: string;
  /** Of its first line, counted from 1. */
  line: number;
}

export interface Document {
  /** Relative to the root of the checkout. */
  path: string;
  text: string;
  /** Without fenced blocks and inline code. */
  prose: string;
  blocks: Block[];
  /** Inline code. */
  code: string[];
}

const FENCE = /^( *)```(\w*)\n([\s\S]*?)^\1```$/gm;

function parse(path: string): Document {
  const text = readFileSync(join(ROOT, path), 'utf8');
  const blocks = [...text.matchAll(FENCE)].map(({ 2: language = '', 3: body = '', index }) => ({
    language,
    text: body,
    line: text.slice(0, index).split('\n').length + 1,
  }));
  const outside = text.replaceAll(FENCE, '');
  const code = [...outside.matchAll(/`([^`]+)`/g)].map(([, inner = '']) => inner.replaceAll(/\s+/g, ' '));
  return { path, text, prose: outside.replaceAll(/`[^`]+`/g, '`'), blocks, code };
}

const FOLDERS = ['docs', 'helm', 'docker', 'test', 'clients', '.ci'];

function markdown(): string[] {
  const top = readdirSync(ROOT).filter((name) => name.endsWith('.md'));
  const below = FOLDERS.flatMap((folder) => {
    try {
      return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
        .filter((e) => e.isFile() && e.name.endsWith('.md') && !e.parentPath.includes('node_modules'))
        .map((e) => relative(ROOT, join(e.parentPath, e.name)));
    } catch {
      return []; // a folder that this checkout does not have
    }
  });
  return [...top, ...below, 'models/README.md'].sort();
}

/** Every Markdown file that this project writes. */
export const DOCUMENTS: Document[] = markdown().map(parse);

export const documentAt = (path: string): Document => {
  const found = DOCUMENTS.find((d) => d.path === path);
  if (!found) throw new Error(`there is no document ${path}`);
  return found;
};

/** Commands as a reader would type them: continued lines joined, comments removed, pipes and lists split. */
export function commandLines({ blocks, code }: Document): string[] {
  const shell = blocks.filter((b) => ['sh', 'bash', 'yaml', ''].includes(b.language)).map((b) => b.text);
  return [...shell, ...code]
    .flatMap((text) => text.replaceAll('\\\n', ' ').split('\n'))
    .map((line) => line.replace(/(^|\s)#\s/, '$1\0').split('\0'))
    .flatMap(([command = '', comment = '']) => [command, comment])
    .flatMap((line) => line.split(/\s(?:\|\||&&|[|;>])\s/))
    .map((line) => line.trim());
}
