import { BACKSLASH, QUOTE } from './json-bytes.ts';
import { stringBytes, stringEnd } from './json-strings.ts';

/** Strings one after the other, and with a blank after each. */
export interface Joined {
  whole: Buffer;
  apart: Buffer;
}

const BLANK = 0x20;
const BLANKS = Buffer.from([BLANK]);

export const join = (strings: readonly Buffer[]): Joined => ({
  whole: Buffer.concat(strings),
  apart: Buffer.concat(strings.flatMap((string) => [string, BLANKS])),
});

/** For short arrays, of which a text may have very many. The next call overwrites it. */
const SHORT = Buffer.alloc(4096);

/**
 * Joins the strings of an array of JSON, which is at `start`..`end` of a text. Strings without escapes cost no object.
 * @param most strings that begin after as many bytes of the array are left out
 */
export function joined(text: Buffer, start: number, end: number, most = end - start): Joined {
  const last = Math.min(end, start + most);
  let stop = start;
  for (let at = start; at < last; at++) {
    if (text[at] !== QUOTE) continue;
    stop = stringEnd(text, at);
    for (let i = at + 1; i < stop; i++) if (text[i] === BACKSLASH) return join(stringsOf(text, start, last));
    at = stop - 1;
  }
  const size = stop - start;
  const buffer = 2 * size <= SHORT.length ? SHORT : Buffer.allocUnsafe(2 * size);
  let length = 0;
  let apart = size;
  for (let at = start; at < last; at++) {
    if (text[at] !== QUOTE) continue;
    // without escapes, the next quote ends the string
    for (let c = text[++at]; c !== QUOTE; c = text[++at]) {
      buffer[length++] = c as number;
      buffer[apart++] = c as number;
    }
    buffer[apart++] = BLANK;
  }
  return { whole: buffer.subarray(0, length), apart: buffer.subarray(size, apart) };
}

function stringsOf(text: Buffer, start: number, last: number): Buffer[] {
  const strings: Buffer[] = [];
  for (let at = start; at < last; at++) {
    if (text[at] !== QUOTE) continue;
    const end = stringEnd(text, at);
    strings.push(stringBytes(text, at, end));
    at = end - 1;
  }
  return strings;
}
