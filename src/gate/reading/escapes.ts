/** Decoders of escapes. Each returns undefined if the text has none of its kind. */

const BACKSLASH = 0x5c;
const NIBBLE = new Int8Array(256).fill(-1);
for (const [value, c] of [...Buffer.from('0123456789abcdef')].entries()) NIBBLE[c] = value;
for (const [value, c] of [...Buffer.from('ABCDEF')].entries()) NIBBLE[c] = value + 10;

/** Value of the hexadecimal digits at a position, -1 if there are not enough. */
function hexValue(text: Uint8Array, at: number, digits: number): number {
  let value = 0;
  for (let i = at; i < at + digits; i++) {
    const nibble = i < text.length ? (NIBBLE[text[i] as number] as number) : -1;
    if (nibble < 0) return -1;
    value = value * 16 + nibble;
  }
  return value;
}

/** Decodes two hexadecimal digits after a mark. */
function unescapePairs(text: Buffer, mark: number): Buffer | undefined {
  if (!text.includes(mark)) return undefined;
  const out = Buffer.allocUnsafe(text.length);
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const value = text[i] === mark ? hexValue(text, i + 1, 2) : -1;
    if (value >= 0) i += 2;
    out[length++] = value >= 0 ? value : (text[i] as number);
  }
  return length === text.length ? undefined : out.subarray(0, length);
}

/** Decodes `%41`. */
export const unescapePercent = (text: Buffer): Buffer | undefined => unescapePairs(text, 0x25);

/** Decodes `=41`, without the line breaks after an equals sign (RFC 2045, 6.7). */
export function unescapeQuotedPrintable(text: Buffer): Buffer | undefined {
  if (!text.includes('=') || !/=[0-9A-Fa-f]{2}/.test(text.toString('latin1'))) return undefined;
  return unescapePairs(Buffer.from(text.toString('latin1').replace(/=[ \t]*\r?\n/g, ''), 'latin1'), 0x3d);
}

/** The character of each letter after a backslash, and the number of hexadecimal digits that follow it. */
const SIMPLE = Uint8Array.from({ length: 256 }, (_, c) => c);
for (const [letter, value] of [...'nrtbfv0'].map((l, i) => [l, [10, 13, 9, 8, 12, 11, 0][i] as number] as const))
  SIMPLE[letter.charCodeAt(0)] = value;
const DIGITS = new Uint8Array(256);
for (const [letter, digits] of Object.entries({ u: 4, x: 2, U: 8 })) DIGITS[letter.charCodeAt(0)] = digits;

/** The octal digits at a position, at most three of them and no more than a byte. */
function octalAt(text: Uint8Array, at: number): { value: number; digits: number } {
  let value = 0;
  let digits = 0;
  for (let d = octalDigit(text[at]); d >= 0 && digits < 3 && value * 8 + d < 256; d = octalDigit(text[at + digits])) {
    value = value * 8 + d;
    digits++;
  }
  return { value, digits };
}
const octalDigit = (c = 0) => (c >= 0x30 && c <= 0x37 ? c - 0x30 : -1);

/** Decodes the backslash escapes of JSON, Python, C and JavaScript; characters up to U+00FF become bytes. */
export function unescapeBackslash(text: Buffer): Buffer | undefined {
  if (!text.includes(BACKSLASH)) return undefined;
  // decoding never lengthens a text
  const out = Buffer.allocUnsafe(text.length);
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i + 1];
    if (text[i] !== BACKSLASH || c === undefined) {
      out[length++] = text[i] as number;
      continue;
    }
    const digits = DIGITS[c] as number;
    const value = digits > 0 ? hexValue(text, i + 2, digits) : -1;
    i += 1;
    const octal = octalAt(text, i);
    if (value < 0 && octal.digits > 1) {
      out[length++] = octal.value;
      i += octal.digits - 1;
    } else if (value < 0) out[length++] = SIMPLE[c] as number;
    else {
      i += digits;
      if (value < 256) out[length++] = value;
      else length += out.write(String.fromCodePoint(Math.min(value, 0x10ffff)), length);
    }
  }
  return out.subarray(0, length);
}

/** Decodes numeric entities of HTML and XML, and the two common named ones. */
export function unescapeEntities(text: Buffer): Buffer | undefined {
  if (!text.includes('&#') && !text.includes('&sol;') && !text.includes('&plus;')) return undefined;
  const source = text.toString('latin1');
  const plain = source.replace(/&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|(sol|plus));?/g, (whole, decimal, hex, name) => {
    if (name) return name === 'sol' ? '/' : '+';
    const point = decimal ? Number(decimal) : Number.parseInt(hex, 16);
    return point < 256 ? String.fromCharCode(point) : whole;
  });
  return plain === source ? undefined : Buffer.from(plain, 'latin1');
}
