import { VALUES } from './base64.ts';

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

/** The bytes of a text that consists of hexadecimal digits. */
export function hexadecimal(text: Buffer): Buffer | undefined {
  if (text.length < (text[0] === FIVE ? MIN_TEXT_HEX : MIN_HEX) || text.length % 2 !== 0) return undefined;
  if (!/^[0-9a-fA-F]+$/.test(text.toString('latin1', 0, 64))) return undefined;
  const bytes = Buffer.from(text.toString('latin1'), 'hex');
  return bytes.length * 2 === text.length ? bytes : undefined;
}

/** Shortest such text, and the other characters that even a short one may have; a word or two have fewer letters. */
const MIN_DENSE = 36;
const MAX_OTHERS = 5;

/** Whether a text is base64 except for a few characters. */
export function mostlyBase64(text: Buffer): boolean {
  if (text.length < MIN_DENSE) return false;
  let others = 0;
  for (const c of text) if ((VALUES[c] as number) < 0) others++;
  return others * 50 < text.length || others < MAX_OTHERS;
}

/** Whether capitals, small letters and digits all occur, as in encoded bytes; long words and sequences lack some. */
export function mixed(text: Buffer): boolean {
  const head = text.toString('latin1', 0, 4096);
  return /[a-z]/.test(head) && /[A-Z]/.test(head) && /\d/.test(head);
}
