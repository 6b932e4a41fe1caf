/** Bytes of JSON's grammar, and the end of a string, for readers that build no values. */
export const QUOTE = 0x22;
export const BACKSLASH = 0x5c;
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const OPEN_ARRAY = 0x5b;
export const CLOSE_ARRAY = 0x5d;
export const OPEN_OBJECT = 0x7b;
export const CLOSE_OBJECT = 0x7d;

/** 1 for the bytes of numbers. Their order is not checked here, because every consumer of the numbers checks it. */
export const IN_NUMBER = new Uint8Array(256);
for (const c of Buffer.from('0123456789+-.eE')) IN_NUMBER[c] = 1;

/** A number by what it may stand for. Reused, because most values of large texts are numbers. */
const NUMBER = { end: 0, integer: 0, byte: 0 };

/** Longest number with an exponent that may stand for a byte: 0.00255e+05 is one. */
const MAX_EXPONENT_FORM = 12;

/** A number that is no plain integer; one with a small exponent may still be a byte: 2.55e2. */
function withExponent(text: Uint8Array, start: number, end: number): typeof NUMBER {
  NUMBER.end = end;
  NUMBER.integer = -1;
  NUMBER.byte = -1;
  // most numbers have no exponent or a large one, and only their end matters
  const last = (text[end - 1] as number) - 0x30;
  if (end - start > MAX_EXPONENT_FORM || last < 0 || last > 5) return NUMBER;
  const mark = [2, 3, 4].find((back) => ((text[end - back] as number) | 0x20) === 0x65);
  if (mark === undefined) return NUMBER;
  const value = Number(String.fromCharCode(...text.subarray(start, end)));
  if (Number.isInteger(value) && value >= -128 && value <= 255) NUMBER.byte = value & 255;
  return NUMBER;
}

/**
 * Reads a number. `integer` is its value if it is written as an integer of 0 to 255; `byte` is the byte that it stands for if it
 * is a whole number of -128 to 255, as signed bytes and floats are; -1 otherwise. The object is the same on every call.
 */
export function numberAt(text: Uint8Array, start: number): Readonly<typeof NUMBER> {
  let at = start;
  let whole = 0;
  const negative = text[start] === 0x2d;
  // JSON5 has a plus sign
  if (negative || text[start] === 0x2b) at++;
  let fraction = false;
  for (let c = text[at] as number; IN_NUMBER[c] === 1; c = text[++at] as number) {
    if (c >= 0x30 && c <= 0x39) {
      if (fraction) whole = c === 0x30 ? whole : -1;
      else if (whole >= 0 && at - start < 4) whole = whole * 10 + c - 0x30;
      else whole = -1;
    } else if (c === 0x2e && !fraction) fraction = true;
    else whole = -1;
    // most numbers are no bytes, and only their end matters
    if (whole < 0) {
      while (IN_NUMBER[text[at] as number] === 1) at++;
      return withExponent(text, start, at);
    }
  }
  NUMBER.end = at;
  NUMBER.integer = fraction || negative || whole > 255 ? -1 : whole;
  NUMBER.byte = whole < 0 || whole > (negative ? 128 : 255) ? -1 : negative ? (256 - whole) & 255 : whole;
  return NUMBER;
}

/** First byte after the string whose opening quote is at `start`; -1 when the string does not end. */
export function endOfString(text: Buffer, start: number): number {
  for (let at = start + 1; ; ) {
    const quote = text.indexOf(QUOTE, at);
    if (quote < 0) return -1;
    let slashes = 0;
    // the count ends at the opening quote at the latest, because no backslash can precede it
    while (text[quote - 1 - slashes] === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return quote + 1;
    at = quote + 1;
  }
}
