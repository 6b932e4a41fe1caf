import { VALUES } from './base64.ts';
import { CONTROL } from './classify.ts';

/** Bytes of a text that decide its format as an image. */
export const MAX_HEAD = 4200;
const DECIDING = 32;
const NOTHING = Buffer.alloc(0);

/** Characters up to U+00FF as bytes, for texts that a program made from bytes as Latin-1; none for a text of ASCII. */
export function characters(text: Buffer): Buffer {
  const head = text.subarray(0, MAX_HEAD);
  // the bytes that decide a format, RIFF's name at the eighth among them, come first
  let ascii = true;
  for (let i = 0; i < DECIDING && i < head.length; i++) if ((head[i] as number) >= 0x80) ascii = false;
  if (ascii) return NOTHING;
  const source = head.toString('utf8').slice(0, 2100);
  for (let i = 0; i < source.length; i++)
    if (source.charCodeAt(i) > 255) return Buffer.from(source.slice(0, i), 'latin1');
  return Buffer.from(source, 'latin1');
}

/** Shortest run of base64 in a text that is decoded; words are shorter. */
export const MIN_RUN = 96;

/** Fewest digits of a file. The "P" of PBM and its kin, whose files are shorter, is 50 in hexadecimal. */
const MIN_HEX = 36;
const MIN_TEXT_HEX = 16;
const FIVE = 0x35;
const HEX = new Uint8Array(256);
for (const c of Buffer.from('0123456789abcdefABCDEF')) HEX[c] = 1;

/** The bytes of a text that consists of hexadecimal digits. */
export function hexadecimal(text: Buffer): Buffer | undefined {
  if (text.length < (text[0] === FIVE ? MIN_TEXT_HEX : MIN_HEX) || text.length % 2 !== 0) return undefined;
  for (let i = 0; i < 64 && i < text.length; i++) if (HEX[text[i] as number] === 0) return undefined;
  const bytes = Buffer.from(text.toString('latin1'), 'hex');
  return bytes.length * 2 === text.length ? bytes : undefined;
}

/** Shortest such text, and the other characters that even a short one may have; a word or two have fewer letters. */
const MIN_DENSE = 36;
const MAX_OTHERS = 5;

/** Properties of a text, found in one pass. */
export interface Survey {
  /** Control characters. */
  controls: number;
  /** Characters of the longest run of base64. */
  longest: number;
  /** Whether the text is base64 except for a few characters. */
  dense: boolean;
}

export function surveyOf(text: Buffer): Survey {
  let others = 0;
  let controls = 0;
  let longest = 0;
  let last = -1;
  for (let i = 0; i < text.length; i++) {
    const c = text[i] as number;
    if ((VALUES[c] as number) >= 0) continue;
    others++;
    controls += CONTROL[c] as number;
    if (i - last > longest) longest = i - last;
    last = i;
  }
  longest = Math.max(longest, text.length - last) - 1;
  return { controls, longest, dense: text.length >= MIN_DENSE && (others * 50 < text.length || others < MAX_OTHERS) };
}

/** Whether capitals, small letters and digits all occur, as in encoded bytes; long words and sequences lack some. */
export function mixed(text: Buffer): boolean {
  let seen = 0;
  const end = Math.min(text.length, 4096);
  for (let at = 0; at < end && seen < 7; ) {
    // a look at the result for each 16 characters is enough
    for (const most = Math.min(at + 16, end); at < most; at++) seen |= KIND[text[at] as number] as number;
  }
  return seen === 7;
}

/** Small letters, capitals and digits, one bit each. */
const KIND = new Uint8Array(256);
for (let c = 0x61; c <= 0x7a; c++) KIND[c] = 1;
for (let c = 0x41; c <= 0x5a; c++) KIND[c] = 2;
for (let c = 0x30; c <= 0x39; c++) KIND[c] = 4;

/** The same bytes with a mark, which decoders skip, for all that is no character of ASCII. */
export const printed = (data: Buffer) => Buffer.from(data.map((c) => (c > 0x7e || c < 0x20 ? 0x21 : c)));

/** Whether bytes are characters of ASCII, as encoded base64 and JSON are; those of a decoded sentence are not. */
export function printable(data: Uint8Array): boolean {
  for (const c of data) if (c > 0x7e || (c < 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09)) return false;
  return true;
}
