/** Encodings of bytes as characters that the gate undoes to find an image, besides base64 and hexadecimal. */

/**
 * Decodes at most `most` characters of a text into `out`, which must have `room(most)` bytes, and returns the number of bytes; whitespace is
 * skipped, and the first other character ends the text.
 */
export type Decode = (text: Uint8Array, most: number, out: Buffer) => number;
/** Bytes that the output of a decoder may have: in base85 one character can stand for four. */
export const room = (most: number): number => 4 * most + 4;

const BLANK = -2;

/** Value of every character; -1 for those outside the alphabet, -2 for whitespace. */
function valuesOf(alphabet: string, folded = false): Int8Array {
  const values = new Int8Array(256).fill(-1);
  for (const c of Buffer.from(' \t\r\n')) values[c] = BLANK;
  for (const [value, c] of [...Buffer.from(alphabet, 'latin1')].entries()) values[c] = value;
  if (folded)
    for (const [value, c] of [...Buffer.from(alphabet.toLowerCase(), 'latin1')].entries())
      if (values[c] === -1) values[c] = value;
  return values;
}

const range = (first: string, last: string) =>
  String.fromCharCode(
    ...Array.from({ length: last.charCodeAt(0) - first.charCodeAt(0) + 1 }, (_, i) => first.charCodeAt(0) + i),
  );
const DIGITS = range('0', '9');
const CAPITALS = range('A', 'Z');
const SMALL = range('a', 'z');

/** Base32: five bits a character, the highest first. */
const bits5 =
  (values: Int8Array): Decode =>
  (text, most, out) => {
    let length = 0;
    let bits = 0;
    let count = 0;
    for (let i = 0, n = 0; i < text.length && n < most; i++) {
      const value = values[text[i] as number] as number;
      if (value === BLANK) continue;
      if (value < 0) break;
      n++;
      bits = ((bits << 5) | value) & 0xfff;
      count += 5;
      if (count >= 8) {
        count -= 8;
        out[length++] = (bits >> count) & 0xff;
      }
    }
    return length;
  };

/** Base85: five characters are four bytes. `z` is four zeros and `y` four blanks where these are not in the alphabet. */
const fives =
  (values: Int8Array, short: boolean): Decode =>
  (text, most, out) => {
    let length = 0;
    let word = 0;
    let count = 0;
    for (let i = 0, n = 0; i < text.length && n < most; i++, n++) {
      const c = text[i] as number;
      const value = values[c] as number;
      if (value === BLANK) continue;
      if (short && count === 0 && (c === 0x7a || c === 0x79)) {
        length = out.writeUInt32BE(c === 0x7a ? 0 : 0x20202020, length);
        continue;
      }
      if (value < 0) break;
      word = word * 85 + value;
      if (++count < 5) continue;
      if (word > 0xffffffff) return length;
      length = out.writeUInt32BE(word, length);
      word = 0;
      count = 0;
    }
    if (count < 2) return length;
    for (let i = count; i < 5; i++) word = word * 85 + 84;
    if (word <= 0xffffffff) out.writeUInt32BE(word, length);
    return length + count - 1;
  };

/** Base45 (RFC 9285): three characters are two bytes, the last two may be one. */
const threes =
  (values: Int8Array): Decode =>
  (text, most, out) => {
    let length = 0;
    for (let i = 0; i + 1 < text.length && i < most; i += 3) {
      const a = values[text[i] as number] as number;
      const b = values[text[i + 1] as number] as number;
      const c = i + 2 < text.length ? (values[text[i + 2] as number] as number) : undefined;
      const word = a + b * 45 + (c ?? 0) * 2025;
      if (a < 0 || b < 0 || (c ?? 0) < 0 || word > 0xffff) break;
      if (c === undefined) out[length++] = word & 0xff;
      else length = out.writeUInt16BE(word, length);
    }
    return length;
  };

/** basE91: two characters are 13 or 14 bits, the lowest first. */
const pairs =
  (values: Int8Array): Decode =>
  (text, most, out) => {
    let length = 0;
    let bits = 0;
    let count = 0;
    let first = -1;
    for (let i = 0, n = 0; i < text.length && n < most; i++) {
      const value = values[text[i] as number] as number;
      if (value === BLANK) continue;
      if (value < 0) break;
      n++;
      if (first < 0) {
        first = value;
        continue;
      }
      const word = first + value * 91;
      first = -1;
      bits |= word << count;
      count += (word & 8191) > 88 ? 13 : 14;
      for (; count >= 8; count -= 8, bits >>>= 8) out[length++] = bits & 0xff;
    }
    return length;
  };

const ASCII85 = range('!', 'u');
const PYTHON85 = `${DIGITS}${CAPITALS}${SMALL}!#$%&()*+-;<=>?@^_\`{|}~`;
const Z85 = `${DIGITS}${SMALL}${CAPITALS}.-:+=^!/*?&<>()[]{}@%$#`;
const BASE91 = `${CAPITALS}${SMALL}${DIGITS}!#$%&()*+,./:;<=>?@[]^_\`{|}~"`;

export const ALPHABETS: readonly [name: string, decode: Decode][] = [
  ['base85', fives(valuesOf(ASCII85), true)],
  ['base85', fives(valuesOf(PYTHON85), false)],
  ['base85', fives(valuesOf(Z85), false)],
  ['base32', bits5(valuesOf(`${CAPITALS}234567`, true))],
  ['base32', bits5(valuesOf(`${DIGITS}${range('A', 'V')}`, true))],
  ['base32', bits5(valuesOf(`${DIGITS}ABCDEFGHJKMNPQRSTVWXYZ`, true))],
  ['base32', bits5(valuesOf('ybndrfg8ejkmcpqxot1uwisza345h769'))],
  ['base91', pairs(valuesOf(BASE91))],
  ['base45', threes(valuesOf(`${DIGITS}${CAPITALS} $%*+-./:`))],
];
