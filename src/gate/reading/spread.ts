/** Finds images whose bytes are spread over the values of an array or object of JSON. */
import { prefixOf } from './base64.ts';
import { encodedContents } from './encodings/index.ts';
import { maySpell } from './encodings/spelled.ts';
import { imageFormat } from './formats/image-format.ts';
import { endOfString, IN_NUMBER, QUOTE } from './json-bytes.ts';
import { stringBytes } from './json-strings.ts';
import { rareEncodings } from './rare.ts';
import { isStrong, mayBeginImage } from './scan.ts';
import { surely } from './surely.ts';
import { Tensor } from './tensor.ts';

const BLANK = Buffer.from(' ');
const MIN_VALUES = 8;
const MIN_STRINGS = 2;
/** Longest average string that is a piece of a text; longer ones are examined alone. */
const MAX_PIECE = 160;
/** Longest average member, with its name, of an object that stands for an array of bytes. */
const MAX_MEMBER = 16;

/** Bytes of the first strings, which decide whether all of them are joined. */
const HEAD = 200;

/** The strings of an array of JSON. @param most bytes of the text after which the list ends */
function stringsOf(text: Buffer, most = text.length): Buffer[] {
  const strings: Buffer[] = [];
  for (let at = text.indexOf(QUOTE); at >= 0 && at < most; ) {
    const end = endOfString(text, at);
    if (end < 0) break;
    strings.push(stringBytes(text, at, end));
    at = text.indexOf(QUOTE, end);
  }
  return strings;
}

/** An image in base64 whose text was cut into strings. */
function inPieces(text: Buffer): string | undefined {
  return surely(prefixOf(text, 0, { characters: text.length, skip: text.length }));
}

/** Whether the first strings of an array, joined, may begin an image or a packed file in any encoding. */
function mayJoin(first: readonly Buffer[]): boolean {
  const whole = Buffer.concat(first);
  const bytes = prefixOf(whole, 0, { characters: 16, skip: whole.length });
  const characters = Buffer.from(whole.toString('utf8', 0, 16), 'latin1');
  for (const head of [bytes, characters])
    if (head.length >= 3 && (mayBeginImage(head.readUIntBE(0, 3)) || imageFormat(head))) return true;
  return (
    maySpell(whole) || maySpell(Buffer.concat(first.flatMap((s) => [s, BLANK]))) || !encodedContents(whole).next().done
  );
}

/** The reason why the strings of an array, joined, may be an image; undefined if they are none. */
export function inStrings(strings: readonly Buffer[]): string | undefined {
  const whole = Buffer.concat(strings);
  if (whole.length > strings.length * MAX_PIECE) return undefined;
  const format = inPieces(whole) ?? surely(Buffer.from(whole.toString('utf8'), 'latin1'));
  if (format !== undefined) return `an image in the strings of an array (${format})`;
  const separate = Buffer.concat(strings.flatMap((string) => [string, BLANK]));
  for (const candidate of [separate, whole])
    for (const found of rareEncodings(candidate))
      if (!('text' in found)) return `${'why' in found ? found.why : 'packed content'}, in the strings of an array`;
  return undefined;
}

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
 * @param text the JSON of the value
 */
export function spread(text: Buffer, array: boolean, count: number): string | undefined {
  if (array)
    return count >= MIN_STRINGS && text.length < count * MAX_PIECE && mayJoin(stringsOf(text, HEAD))
      ? inStrings(stringsOf(text))
      : undefined;
  return count >= MIN_VALUES && text.length < count * MAX_MEMBER ? inMembers(text) : undefined;
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
export function imageInWords(text: Buffer): string | undefined {
  const words: number[] = [];
  for (let at = 1; at < WORD_TEXT && at < text.length && words.length < 16; at++) {
    if (IN_NUMBER[text[at] as number] === 0) continue;
    let end = at;
    while (IN_NUMBER[text[end] as number] === 1) end++;
    const word = Number(text.toString('latin1', at, end));
    if (!Number.isInteger(word) || word < -0x80000000 || word > 0xffffffff) return undefined;
    words.push(word);
    at = end;
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
