import {
  BACKSLASH,
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  COLON,
  COMMA,
  endOfString,
  IN_NUMBER,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE,
} from '../reading/json-bytes.ts';
import { MAX_EDITED_ELEMENTS, MAX_JSON_DEPTH } from '../reading/limits.ts';

/**
 * A value's position in a JSON text. Nothing is parsed: the scanner jumps from quote to quote, which is fast for megabytes of
 * base64. An edit leaves every other byte unchanged, whereas a parser would turn 1.0 into 1 and lose digits of large numbers.
 */
export interface Span {
  start: number;
  /** First byte after the value. */
  end: number;
}

/** The text is not JSON, or is ambiguous. */
export class JsonTextError extends Error {
  override readonly name = 'JsonTextError';
}

const isSpace = (c: number | undefined) => c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09;

function skipSpace(text: Buffer, at: number): number {
  while (isSpace(text[at])) at++;
  return at;
}

/** @throws JsonTextError */
function stringEnd(text: Buffer, start: number): number {
  const end = endOfString(text, start);
  if (end < 0) throw new JsonTextError('a string does not end');
  return end;
}

const LITERALS = ['true', 'false', 'null'].map((word) => Buffer.from(word));

function endOfScalar(text: Buffer, start: number): number {
  let at = start;
  while (IN_NUMBER[text[at] ?? 0] === 1) at++;
  if (at > start) return at;
  const word = LITERALS.find((w) => text.subarray(start, start + w.length).equals(w));
  if (!word) throw new JsonTextError(`no JSON value at byte ${start}`);
  return start + word.length;
}

/** First byte after the value that begins at `start`. */
function endOfValue(text: Buffer, start: number, depth: number): number {
  const c = text[start];
  if (c === QUOTE) return stringEnd(text, start);
  if (c === OPEN_ARRAY || c === OPEN_OBJECT) return walk(text, start, depth);
  return endOfScalar(text, start);
}

type Visit = (key: Span | undefined, value: Span) => void;

/** Visits the members of an object or the elements of an array; returns the offset after it. */
function walk(text: Buffer, start: number, depth: number, visit?: Visit): number {
  if (depth > MAX_JSON_DEPTH) throw new JsonTextError('it is nested too deeply');
  const object = text[start] === OPEN_OBJECT;
  const close = object ? CLOSE_OBJECT : CLOSE_ARRAY;
  let at = skipSpace(text, start + 1);
  if (text[at] === close) return at + 1;
  for (;;) {
    let key: Span | undefined;
    if (object) {
      if (text[at] !== QUOTE) throw new JsonTextError(`a name is missing at byte ${at}`);
      key = { start: at, end: stringEnd(text, at) };
      at = skipSpace(text, key.end);
      if (text[at] !== COLON) throw new JsonTextError(`a colon is missing at byte ${at}`);
      at = skipSpace(text, at + 1);
    }
    const value = { start: at, end: endOfValue(text, at, depth + 1) };
    visit?.(key, value);
    at = skipSpace(text, value.end);
    if (text[at] === close) return at + 1;
    if (text[at] !== COMMA) throw new JsonTextError(`a comma is missing at byte ${at}`);
    at = skipSpace(text, at + 1);
  }
}

/** @throws JsonTextError if the text is not exactly one JSON value */
export function rootOf(text: Buffer): Span {
  const start = skipSpace(text, 0);
  if (start === text.length) throw new JsonTextError('it is empty');
  const end = endOfValue(text, start, 0);
  if (skipSpace(text, end) !== text.length) throw new JsonTextError(`there is more after the value, at byte ${end}`);
  return { start, end };
}

export type JsonType = 'object' | 'array' | 'string' | 'scalar';

export function typeOf(text: Buffer, { start }: Span): JsonType {
  const c = text[start];
  return c === OPEN_OBJECT ? 'object' : c === OPEN_ARRAY ? 'array' : c === QUOTE ? 'string' : 'scalar';
}

/** Elements of an array; none for any other value. */
export function elementsOf(text: Buffer, span: Span): Span[] {
  if (typeOf(text, span) !== 'array') return [];
  const found: Span[] = [];
  walk(text, span.start, 0, (_key, value) => {
    if (found.length >= MAX_EDITED_ELEMENTS) throw new JsonTextError(`more than ${MAX_EDITED_ELEMENTS} elements`);
    found.push(value);
  });
  return found;
}

/**
 * Members of an object; none for any other value. A repeated name is refused, because parsers differ in which of the two
 * members they use, and the other one could contain an image.
 */
export function membersOf(text: Buffer, span: Span): Map<string, Span> {
  const found = new Map<string, Span>();
  if (typeOf(text, span) !== 'object') return found;
  walk(text, span.start, 0, (key, value) => {
    const name = stringOf(text, key as Span);
    if (found.has(name)) throw new JsonTextError(`the name ${JSON.stringify(name.slice(0, 64))} occurs twice`);
    if (found.size >= MAX_EDITED_ELEMENTS) throw new JsonTextError(`more than ${MAX_EDITED_ELEMENTS} members`);
    found.set(name, value);
  });
  return found;
}

/** @throws JsonTextError on invalid escapes */
export function stringOf(text: Buffer, { start, end }: Span): string {
  if (!text.subarray(start, end).includes(BACKSLASH)) return text.toString('utf8', start + 1, end - 1);
  try {
    return JSON.parse(text.toString('utf8', start, end)) as string;
  } catch {
    throw new JsonTextError(`a string with faulty escapes at byte ${start}`);
  }
}

export function parsed(text: Buffer, { start, end }: Span): unknown {
  try {
    return JSON.parse(text.toString('utf8', start, end));
  } catch {
    throw new JsonTextError(`no JSON value at byte ${start}`);
  }
}

/** All values that a pointer (RFC 6901) names; `*` means every element of an array. */
export function resolvePointer(text: Buffer, root: Span, pointer: string): Span[] {
  let spans = [root];
  for (const token of pointer.split('/').slice(1)) {
    const name = token.replaceAll('~1', '/').replaceAll('~0', '~');
    spans = spans.flatMap((span) => {
      if (typeOf(text, span) === 'array') {
        const elements = elementsOf(text, span);
        if (name === '*') return elements;
        const one = /^(0|[1-9]\d*)$/.test(name) ? elements[Number(name)] : undefined;
        return one ? [one] : [];
      }
      const member = membersOf(text, span).get(name);
      return member ? [member] : [];
    });
  }
  return spans;
}

export interface Edit extends Span {
  text: Buffer | string;
}

/** The text with spans replaced; all other bytes are unchanged. */
export function edit(text: Buffer, edits: Edit[]): Buffer {
  const parts: Buffer[] = [];
  let at = 0;
  for (const { start, end, text: replacement } of [...edits].sort((a, b) => a.start - b.start)) {
    parts.push(text.subarray(at, start), Buffer.from(replacement as string));
    at = end;
  }
  parts.push(text.subarray(at));
  return Buffer.concat(parts);
}

function array(parts: (Buffer | string)[]): Buffer {
  return Buffer.concat(
    ['[', ...parts.flatMap((part, i) => (i === 0 ? [part] : [',', part])), ']'].map((p) => Buffer.from(p as string)),
  );
}

/** Replaces an array by one without the elements for which `drop` is true. */
export function remove(text: Buffer, span: Span, drop: (index: number) => boolean): Edit {
  const kept = elementsOf(text, span).filter((_, i) => !drop(i));
  return { ...span, text: array(kept.map(({ start, end }) => text.subarray(start, end))) };
}

/** Replaces an array by one of `count` elements: placeholders where `filler` returns one, else its own elements in order. */
export function fill(text: Buffer, span: Span, count: number, filler: (index: number) => string | undefined): Edit {
  const own = elementsOf(text, span);
  let next = 0;
  const parts = Array.from({ length: count }, (_, i) => {
    const put = filler(i);
    if (put !== undefined) return put;
    const { start, end } = own[next++] as Span;
    return text.subarray(start, end);
  });
  return { ...span, text: array(parts) };
}
