/** Finds images whose bytes are spread over the values of an array or object of JSON. */
import { isAscii } from 'node:buffer';
import { prefixOf } from './base64.ts';
import { encodedContents } from './encodings/index.ts';
import { maySpell } from './encodings/spelled.ts';
import { imageFormat } from './formats/image-format.ts';
import { type Joined, join, joined } from './joined.ts';
import { IN_NUMBER } from './json-bytes.ts';
import { rareEncodings } from './rare.ts';
import { isStrong, mayBeginImage } from './scan.ts';
import { surely } from './surely.ts';
import { Tensor } from './tensor.ts';

const MIN_VALUES = 8;
const MIN_STRINGS = 2;
/** Longest average string that is a piece of a text; longer ones are examined alone. */
const MAX_PIECE = 160;
/** Longest average member, with its name, of an object that stands for an array of bytes. */
const MAX_MEMBER = 16;

/** Bytes of the first strings, which decide whether all of them are joined. */
const HEAD = 200;
/** Characters of these that decide about a format. */
const DECIDING = 16;

/** An image in base64 whose text was cut into strings. */
function inPieces(text: Buffer): string | undefined {
  return surely(prefixOf(text, 0, { characters: text.length, skip: text.length }));
}

/** Characters up to U+00FF as bytes; a text of ASCII is returned as it is. */
const asBytes = (text: Buffer) => (isAscii(text) ? text : Buffer.from(text.toString('utf8'), 'latin1'));

/** Whether the first strings of an array, joined, may begin an image or a packed file in any encoding. */
function mayJoin({ whole, apart }: Joined): boolean {
  const bytes = prefixOf(whole, 0, { characters: DECIDING, skip: whole.length });
  for (const head of [bytes, asBytes(whole.subarray(0, DECIDING))])
    if (head.length >= 3 && (mayBeginImage(head.readUIntBE(0, 3)) || imageFormat(head))) return true;
  return maySpell(whole) || maySpell(apart) || !encodedContents(whole).next().done;
}

/** The reason why strings, joined, may be an image; undefined if they are none. */
function ofJoined({ whole, apart }: Joined, count: number): string | undefined {
  if (whole.length > count * MAX_PIECE) return undefined;
  const format = inPieces(whole) ?? surely(asBytes(whole));
  if (format !== undefined) return `an image in the strings of an array (${format})`;
  for (const candidate of [apart, whole])
    for (const found of rareEncodings(candidate))
      if (!('text' in found)) return `${'why' in found ? found.why : 'packed content'}, in the strings of an array`;
  return undefined;
}

/** The same for strings of a text that is not JSON. */
export const inStrings = (strings: readonly Buffer[]): string | undefined => ofJoined(join(strings), strings.length);

/** An object of numbers, as JSON.stringify() writes a Uint8Array: {"0":255,"1":216}. */
function inMembers(text: Buffer): string | undefined {
  const tensor = new Tensor();
  for (const [, value] of text.toString('latin1').matchAll(/:\s*(-?[0-9.eE+-]+)/g)) {
    const number = Number(value);
    const byte = Number.isInteger(number) && number >= -128 && number <= 255 ? number & 255 : -1;
    tensor.leaf(byte);
    if (byte < 0) return undefined;
  }
  const why = tensor.format ? `an image (${tensor.format.name})` : tensor.pixels(false);
  return why && `${why}, as the members of an object`;
}

/**
 * The reason why an array of strings or an object of numbers may be an image; undefined if it is none.
 * @param text a JSON text with the value at `start`..`end`
 */
export function spread(text: Buffer, start: number, end: number, array: boolean, count: number): string | undefined {
  const length = end - start;
  if (!array)
    return count >= MIN_VALUES && length < count * MAX_MEMBER ? inMembers(text.subarray(start, end)) : undefined;
  if (count < MIN_STRINGS || length >= count * MAX_PIECE || !mayJoin(joined(text, start, end, HEAD))) return undefined;
  return ofJoined(joined(text, start, end), count);
}

const MEMBER = /\s*["']?\w{1,12}["']?\s*:\s*-?[\d.]{1,8}\s*,?/y;

/** The reason why objects of numbers in a text that is not JSON may be an image. */
export function inLooseMembers(text: Buffer): string | undefined {
  const source = text.toString('latin1');
  for (let open = source.indexOf('{'); open >= 0; open = source.indexOf('{', open + 1)) {
    let count = 0;
    MEMBER.lastIndex = open + 1;
    let end = open + 1;
    while (MEMBER.test(source)) {
      count++;
      end = MEMBER.lastIndex;
    }
    const why = count >= MIN_VALUES ? inMembers(text.subarray(open, end)) : undefined;
    if (why !== undefined) return why;
  }
  return undefined;
}

const WORD_TEXT = 400;

/** An image as an array of words of 16 or 32 bits, in either byte order; such files begin with a signature. */
export function imageInWords(text: Buffer, start: number, end: number): string | undefined {
  const words: number[] = [];
  const last = Math.min(start + WORD_TEXT, end);
  for (let at = start + 1; at < last && words.length < 16; at++) {
    if (IN_NUMBER[text[at] as number] === 0) continue;
    let to = at;
    while (to < end && IN_NUMBER[text[to] as number] === 1) to++;
    const word = Number(text.toString('latin1', at, to));
    if (!Number.isInteger(word) || word < -0x80000000 || word > 0xffffffff) return undefined;
    words.push(word);
    at = to;
  }
  if (words.length < MIN_VALUES) return undefined;
  const sizes = words.every((word) => word >= -0x8000 && word <= 0xffff) ? [2, 4] : [4];
  for (const size of sizes) {
    const big = Buffer.alloc(size * words.length);
    for (const [i, word] of words.entries())
      if (size === 2) big.writeUInt16BE(word & 0xffff, 2 * i);
      else big.writeUInt32BE(word >>> 0, 4 * i);
    const little = Buffer.from(big);
    if (size === 2) little.swap16();
    else little.swap32();
    for (const bytes of [big, little]) {
      const format = imageFormat(bytes);
      if (format && isStrong(format.name) && !SMALL_NUMBERS.has(format.name))
        return `an image as words of ${8 * size} bits (${format.name})`;
    }
  }
  return undefined;
}

/** Formats whose first bytes are also a few small numbers. */
const SMALL_NUMBERS = new Set(['ICO', 'EMF', 'McIdas', 'WMF', 'MPEG', 'GBR', 'IPTC', 'SPIDER', 'SGI']);
