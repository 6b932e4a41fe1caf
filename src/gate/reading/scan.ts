import { prefixOf, VALUES } from './base64.ts';
import { imageFormat } from './formats/image-format.ts';
import { MAX_SKIPPED, PREFIX_CHARACTERS } from './limits.ts';

/**
 * First three bytes of images that are searched for inside texts. Formats that are recognised by header structure alone are
 * searched for in whole values only, because words of a text would match by chance.
 */
const SIGNATURES = [
  'ffd8ff',
  '89504e',
  '474946',
  '424d',
  '4949',
  '4d4d',
  '524946',
  '000000',
  '000001',
  '000002',
  'ff4fff',
  'ff0a',
  '5030',
  '5031',
  '5032',
  '5033',
  '5034',
  '5035',
  '5036',
  '5037',
  '5046',
  '5066',
  '5079',
  '384250',
  '444453',
  '716f69',
  '69636e',
  '01da',
  '59a66a',
  '762f31',
  '233f52',
  '255053',
  '424c50',
  '465445',
  '53494d',
  '23646566',
  '2f2a20',
  '3c737667',
  '934e55',
  '44616e',
  '4c696e',
  '496d61',
  '212058',
  '3c3f78',
  '3c212d',
  'b168de',
  'd7cdc6',
  '475249',
  '425546',
  '5a435a',
  '894844',
  '666172',
  '67696d',
  '464c49',
  '425047',
  '415426',
  'ab4b54',
  'c5d0d3',
];

/** Whether a character may be the first one of a signature in base64. */
const FIRST = new Uint8Array(64);
const THREE = new Uint8Array(1 << 21);
for (const hex of SIGNATURES) {
  const bytes = Buffer.from(hex, 'hex').subarray(0, 3);
  FIRST[(bytes[0] as number) >> 2] = 1;
  const open = 8 * (3 - bytes.length);
  const from = bytes.readUIntBE(0, bytes.length) << open;
  for (let bits = from; bits < from + (1 << open); bits++)
    THREE[bits >> 3] = (THREE[bits >> 3] as number) | (1 << (bits & 7));
}

/** First bytes of formats without a signature: TGA, PCX, DIB, IPTC, and SPIDER with one slice. */
function mayBeginWeak(three: number): boolean {
  const [a, b, c] = [three >> 16, (three >> 8) & 255, three & 255];
  if (b <= 1 && (c & ~8) <= 3 && (c & 3) > 0) return true;
  if (a === 10 && b <= 5) return true;
  if (b === 0 && c === 0 && WEAK_FIRST.has(a)) return true;
  return three >> 8 === 0x1c03 || three === 0x3f8000 || three === 0x000080 || three >> 8 === 0x80e8;
}
/** Sizes of DIB headers, and 1 of EMF. */
const WEAK_FIRST = new Set([1, 12, 16, 40, 52, 56, 64, 108, 124]);

/** Whether an image may begin with three bytes, given as one number. Random bytes do so once in a few thousand times. */
export const mayBeginImage = (three: number): boolean =>
  ((THREE[three >> 3] as number) & (1 << (three & 7))) !== 0 || mayBeginWeak(three);

/** Formats that random bytes match once in ten thousand times; they are not searched for among the words of a text. */
const WEAK = new Set(['TGA', 'PCX', 'IMT', 'JPEG XL', 'GBR', 'FLI', 'DIB']);
export const isStrong = (format: string) => !WEAK.has(format);

/** A position in a text at which the base64 of an image begins. */
export interface Start {
  at: number;
  format: string;
}

/**
 * Searches `from`..`to` for the base64 of images. It must begin after a character that is in no alphabet, where a program that
 * splits a text at commas, quotes or blanks would begin to decode.
 * @param before whether the character before `from` is in the alphabet
 */
export function startsIn(
  text: Uint8Array,
  from: number,
  to: number,
  before: boolean,
  found: (start: Start) => void,
): boolean {
  let inside = before;
  for (let i = from; i < to; i++) {
    const v = VALUES[text[i] as number] as number;
    if (v < 0) {
      inside = false;
      continue;
    }
    if (inside) continue;
    inside = true;
    if (FIRST[v] === 0 || !mayBegin(text, i, v)) continue;
    const format = imageFormat(prefixOf(text, i, { characters: PREFIX_CHARACTERS, skip: MAX_SKIPPED }));
    if (format && isStrong(format.name)) found({ at: i, format: format.name });
  }
  return inside;
}

/** Whether the first four characters decode to a signature. */
function mayBegin(text: Uint8Array, at: number, first: number): boolean {
  let bits = first;
  let count = 1;
  for (let i = at + 1; count < 4; i++) {
    if (i >= text.length || i >= at + MAX_SKIPPED) return false;
    const v = VALUES[text[i] as number] as number;
    if (v < 0) continue;
    bits = (bits << 6) | v;
    count++;
  }
  return ((THREE[bits >> 3] as number) & (1 << (bits & 7))) !== 0;
}
