import { unescapeBackslash } from './escapes.ts';
import { BACKSLASH, QUOTE } from './json-bytes.ts';
import { MIN_TEXT_BYTES } from './limits.ts';

const APOSTROPHE = 0x27;

/**
 * The strings between quotes of a text that is not JSON; undefined for those too short for an image.
 * @param apostrophes whether apostrophes enclose strings, too
 */
export function* quotedStrings(text: Buffer, apostrophes: boolean): Generator<Buffer | undefined> {
  if (!text.includes(QUOTE) && !apostrophes) return;
  for (let at = 0; at < text.length; at++) {
    const quote = text[at] as number;
    if (quote !== QUOTE && !(apostrophes && quote === APOSTROPHE)) continue;
    const start = ++at;
    while (at < text.length && text[at] !== quote) at += text[at] === BACKSLASH ? 2 : 1;
    // a string that does not end may be one of a stray quote, so the search goes on behind that
    if (at >= text.length) at = start;
    else if (at - start >= MIN_TEXT_BYTES) {
      const string = text.subarray(start, at);
      yield unescapeBackslash(string) ?? string;
    }
  }
}
