/** Texts behind escapes. Each returns undefined where the text has none of its kind. */

const BACKSLASH = 0x5c;
const HEX = /^[0-9a-fA-F]+$/;

const hexValue = (text: Uint8Array, at: number, digits: number): number => {
  const source = String.fromCharCode(...text.subarray(at, at + digits));
  return source.length === digits && HEX.test(source) ? Number.parseInt(source, 16) : -1;
};

/** `%41` to bytes. */
export function unescapePercent(text: Buffer): Buffer | undefined {
  if (!text.includes('%')) return undefined;
  const out = Buffer.allocUnsafe(text.length);
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const value = text[i] === 0x25 ? hexValue(text, i + 1, 2) : -1;
    if (value >= 0) i += 2;
    out[length++] = value >= 0 ? value : (text[i] as number);
  }
  return length === text.length ? undefined : out.subarray(0, length);
}

const SIMPLE: Record<string, number> = { n: 10, r: 13, t: 9, b: 8, f: 12, v: 11, '0': 0 };

/** Backslash escapes of JSON, Python and JavaScript, to bytes where a character has one. */
export function unescapeBackslash(text: Buffer): Buffer | undefined {
  if (!text.includes(BACKSLASH)) return undefined;
  const parts: Buffer[] = [];
  let from = 0;
  for (let i = text.indexOf(BACKSLASH); i >= 0 && i + 1 < text.length; i = text.indexOf(BACKSLASH, from)) {
    parts.push(text.subarray(from, i));
    const c = String.fromCharCode(text[i + 1] as number);
    const digits = c === 'u' ? 4 : c === 'x' ? 2 : c === 'U' ? 8 : 0;
    const value = digits > 0 ? hexValue(text, i + 2, digits) : -1;
    if (value >= 0) {
      parts.push(value < 256 ? Buffer.of(value) : Buffer.from(String.fromCodePoint(Math.min(value, 0x10ffff))));
      from = i + 2 + digits;
    } else {
      const simple = SIMPLE[c];
      parts.push(simple === undefined ? text.subarray(i + 1, i + 2) : Buffer.of(simple));
      from = i + 2;
    }
  }
  if (parts.length === 0) return undefined;
  parts.push(text.subarray(from));
  return Buffer.concat(parts);
}

/** Numeric and the two common named entities of HTML and XML. */
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
