import type { ClassEntry } from './api/types.ts';

const escaped = (name: string) => name.replace(/[\\|]/g, '\\$&');

/** The text form of classes: one per line, with aliases after bars: `sofa | couch | settee`. */
export function toText(classes: readonly ClassEntry[]): string {
  return classes
    .map((entry) =>
      (typeof entry === 'string' ? [entry] : [entry.name, ...(entry.aliases ?? [])]).map(escaped).join(' | '),
    )
    .join('\n');
}

export interface ParsedLine {
  /** Line of the text, from 0. */
  line: number;
  entry: ClassEntry;
}

/** Parses the text form. Empty lines are ignored. With `commas`, commas separate classes too. */
export function parseClasses(text: string, { commas = false } = {}): ParsedLine[] {
  const parsed: ParsedLine[] = [];
  for (const [line, content] of text.split('\n').entries()) {
    for (const part of commas ? content.split(',') : [content]) {
      const [name, ...aliases] = names(part);
      if (name === undefined) continue;
      parsed.push({ line, entry: aliases.length === 0 ? name : { name, aliases } });
    }
  }
  return parsed;
}

function names(part: string): string[] {
  return (part.match(/(?:\\.|[^|\\]|\\$)+/g) ?? [])
    .map((name) => name.trim().replace(/\\(.)/g, '$1'))
    .filter((name) => name !== '');
}

export const nameOf = (entry: ClassEntry) => (typeof entry === 'string' ? entry : entry.name);

export interface Piece {
  text: string;
  unknown: boolean;
}

/** The text, split at the words that the model has not learned. Words are compared as in the service: in NFC and lower case. */
export function markUnknown(text: string, unknown: ReadonlySet<string>): Piece[] {
  if (unknown.size === 0) return [{ text, unknown: false }];
  const pieces: Piece[] = [];
  let from = 0;
  for (const match of text.matchAll(/[\p{L}\p{M}\p{N}]+/gu)) {
    if (!unknown.has(match[0].normalize('NFC').toLowerCase())) continue;
    if (match.index > from) pieces.push({ text: text.slice(from, match.index), unknown: false });
    pieces.push({ text: match[0], unknown: true });
    from = match.index + match[0].length;
  }
  pieces.push({ text: text.slice(from), unknown: false });
  return pieces;
}
