import { prefixOf, VALUES } from './base64.ts';
import { imageFormat } from './formats/image-format.ts';
import { MAX_SKIPPED, PREFIX_CHARACTERS } from './limits.ts';

/**
 * First three bytes of the images that are looked for inside texts. Formats that only a header's structure gives away are looked for
 * in whole values: among the words of a text there would be false ones.
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
  '50',
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
  '4749',
  '934e55',
];

/** Whether a first character may begin one, and whether two may. */
const FIRST = new Uint8Array(64);
const SECOND = new Uint8Array(4096);
for (const hex of SIGNATURES) {
  const bytes = Buffer.from(hex, 'hex');
  const first = bytes[0] as number;
  FIRST[first >> 2] = 1;
  for (let low = 0; low < 16; low++) {
    const second = bytes.length > 1 ? (bytes[1] as number) >> 4 : low;
    SECOND[((first >> 2) << 6) | ((first & 3) << 4) | second] = 1;
  }
}

/** Formats that bytes which are none take for themselves once in ten thousand times: not looked for among the words of a text. */
const WEAK = new Set(['TGA', 'PCX', 'SPIDER', 'IM', 'IMT', 'JPEG XL', 'GBR', 'FLI', 'SGI', 'DIB']);
export const isStrong = (format: string) => !WEAK.has(format);

/** A place in a text where the base64 of an image begins. */
export interface Start {
  at: number;
  format: string;
}

/**
 * Looks for base64 of images that begins in `from`..`to`, after a character that is in no alphabet: where somebody who cuts a text
 * at its commas, quotes or blanks would begin to decode.
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

function mayBegin(text: Uint8Array, at: number, first: number): boolean {
  for (let i = at + 1; i < text.length && i < at + MAX_SKIPPED; i++) {
    const v = VALUES[text[i] as number] as number;
    if (v >= 0) return SECOND[(first << 6) | v] === 1;
  }
  return false;
}
