import { unescapeBackslash } from './escapes.ts';
import { BACKSLASH, QUOTE } from './json-bytes.ts';
import { MIN_TEXT_BYTES } from './limits.ts';

const APOSTROPHE = 0x27;

interface Quoted {
  /** The first character after the opening quote. */
  start: number;
  /** The closing quote. */
  end: number;
}

/** The strings between quotes of a text that is not JSON, from `from` on. @param apostrophes whether these are quotes, too */
function* quoted(text: Buffer, apostrophes: boolean, from: number): Generator<Quoted> {
  // most texts have no quotes, and a native search finds that sooner
  const first = apostrophes ? text.indexOf(APOSTROPHE, from) : -1;
  const other = text.indexOf(QUOTE, from);
  if (first < 0 && other < 0) return;
  for (let at = first < 0 || other < 0 ? Math.max(first, other) : Math.min(first, other); at < text.length; at++) {
    const quote = text[at] as number;
    if (quote !== QUOTE && !(apostrophes && quote === APOSTROPHE)) continue;
    const start = ++at;
    while (at < text.length && text[at] !== quote) at += text[at] === BACKSLASH ? 2 : 1;
    // a string that does not end may be one of a stray quote, so the search continues after that quote
    if (at >= text.length) at = start;
    else yield { start, end: at };
  }
}

const unescaped = (string: Buffer) => unescapeBackslash(string) ?? string;

/**
 * The strings between quotes of a text that is not JSON; undefined for those too short for an image.
 * @param apostrophes whether apostrophes enclose strings, too
 */
export function* quotedStrings(text: Buffer, apostrophes: boolean): Generator<Buffer | undefined> {
  const first = text.indexOf(QUOTE);
  if (first < 0 && !apostrophes) return;
  let quotes = 0;
  for (let at = first; at >= 0; at = text.indexOf(QUOTE, at + 1)) quotes++;
  // with a quote too many, the pairs before or behind it are wrong
  for (const from of quotes % 2 === 1 ? [0, first + 1] : [0])
    for (const { start, end } of quoted(text, apostrophes, from))
      yield end - start >= MIN_TEXT_BYTES ? unescaped(text.subarray(start, end)) : undefined;
}

const MIN_STRINGS = 8;
const BETWEEN = new Uint8Array(256);
for (const c of Buffer.from(', \t\r\n')) BETWEEN[c] = 1;

/** The lists of short strings of a text that is not JSON: strings with a comma and blanks between them. */
export function* stringLists(text: Buffer, apostrophes: boolean): Generator<Buffer[]> {
  let list: Buffer[] = [];
  let last = -1;
  for (const { start, end } of quoted(text, apostrophes, 0)) {
    let joined = list.length > 0 && start - last < 16;
    for (let at = last + 1; joined && at < start - 1; at++) joined = BETWEEN[text[at] as number] === 1;
    if (!joined) {
      if (list.length >= MIN_STRINGS) yield list;
      list = [];
    }
    list.push(unescaped(text.subarray(start, end)));
    last = end;
  }
  if (list.length >= MIN_STRINGS) yield list;
}
