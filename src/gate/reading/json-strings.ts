import { BACKSLASH, endOfString, QUOTE } from './json-bytes.ts';
import { NotJson } from './not-json.ts';

/** Most bytes of a string whose end is searched for byte by byte: the native search costs a call, which short strings do not repay. */
const SHORT = 48;

/** First byte after the string whose opening quote is at `start`. @throws NotJson */
export function stringEnd(text: Buffer, start: number): number {
  const most = Math.min(start + SHORT, text.length);
  for (let at = start + 1; at < most; at++) {
    const c = text[at];
    if (c === BACKSLASH) at++;
    else if (c === QUOTE) return at + 1;
  }
  const end = endOfString(text, start);
  if (end < 0) throw new NotJson('a string does not end');
  return end;
}

/** The characters of a JSON string as UTF-8. @throws NotJson on invalid escapes */
export function stringBytes(text: Buffer, start: number, end: number): Buffer {
  const inner = text.subarray(start + 1, end - 1);
  if (!inner.includes(BACKSLASH)) return inner;
  try {
    // only strict parsers refuse a raw line break inside a string, so it is accepted here
    const source = text
      .toString('utf8', start, end)
      .replace(/\p{Cc}/gu, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
    return Buffer.from(JSON.parse(source) as string);
  } catch {
    throw new NotJson(`a string with faulty escapes at byte ${start}`);
  }
}
