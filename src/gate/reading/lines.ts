/** Values that a text has in its lines. */
import { OPEN_ARRAY, OPEN_OBJECT, QUOTE } from './json-bytes.ts';
import { MIN_TEXT_BYTES } from './limits.ts';

const BREAK = 0x0a;

/** The lines of a text of several that begin as JSON does. */
export function* jsonLines(text: Buffer): Generator<Buffer> {
  if (!text.includes(BREAK)) return;
  for (let start = 0; start < text.length; ) {
    const next = text.indexOf(BREAK, start);
    const end = next < 0 ? text.length : next;
    const first = text[start];
    if (end - start >= MIN_TEXT_BYTES && (first === OPEN_OBJECT || first === OPEN_ARRAY || first === QUOTE))
      yield text.subarray(start, end);
    start = end + 1;
  }
}

const MIN_BLOCK = 96;
const MIN_LINES = 2;
const LINE = /^[ \t]*([A-Za-z0-9+/_-]{16,}={0,2})[ \t]*\r?$/;

/** The base64 of a line; the last line of a block may be short. */
function lineOf(text: Buffer, start: number, end: number, inside: boolean): string | undefined {
  const source = text.toString('latin1', start, end);
  const found = LINE.exec(source) ?? (inside ? SHORT.exec(source) : null);
  return found?.[1];
}
const SHORT = /^[ \t]*([A-Za-z0-9+/_-]{1,15}={0,2})[ \t]*\r?$/;

/** Blocks of lines that consist of base64 and blanks at their sides, without these: as in YAML, PEM and mail. */
export function* base64Blocks(text: Buffer): Generator<Buffer | undefined> {
  let lines: string[] = [];
  for (let start = 0; start <= text.length; ) {
    const next = text.indexOf(BREAK, start);
    const end = next < 0 ? text.length : next;
    const found = end - start >= 16 || lines.length > 0 ? lineOf(text, start, end, lines.length > 0) : undefined;
    if (found !== undefined) lines.push(found);
    else {
      const block = lines.join('');
      yield lines.length >= MIN_LINES && block.length >= MIN_BLOCK ? Buffer.from(block) : undefined;
      lines = [];
    }
    start = end + 1;
  }
  const block = lines.join('');
  if (lines.length >= MIN_LINES && block.length >= MIN_BLOCK) yield Buffer.from(block);
}

const ITEM = /[ \t]*(?:-[ \t]+)?(\d{1,3})[ \t]*,?[ \t]*\r?(?:\n|$)/y;
const MIN_ITEMS = 8;

/** Lists of bytes with a number in each line, as YAML writes them. */
export function* numberLines(text: Buffer): Generator<number[]> {
  const source = text.toString('latin1');
  for (let at = 0; at < source.length; ) {
    const numbers: number[] = [];
    ITEM.lastIndex = at;
    for (let found = ITEM.exec(source); found; found = ITEM.exec(source)) {
      numbers.push(Number(found[1]));
      at = ITEM.lastIndex;
    }
    if (numbers.length >= MIN_ITEMS && numbers.every((n) => n <= 255)) yield numbers;
    const next = source.indexOf('\n', at);
    at = next < 0 ? source.length : next + 1;
  }
}
