/** Value of a character in either alphabet, -1 for all others. */
export const VALUES = new Int8Array(256).fill(-1);
for (const [i, c] of [...Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/')].entries())
  VALUES[c] = i;
VALUES[0x2d] = 62;
VALUES[0x5f] = 63;

const ALPHABET = 1;
const PLUS_SLASH = 2;
const URL_SAFE = 4;
const PAD = 8;
const LINE = 16;
const OTHER = 32;
const CLASS = new Uint8Array(256).fill(OTHER);
for (let c = 0; c < 256; c++) if ((VALUES[c] as number) >= 0) CLASS[c] = ALPHABET;
for (const c of Buffer.from('+/')) CLASS[c] = PLUS_SLASH;
for (const c of Buffer.from('-_')) CLASS[c] = URL_SAFE;
CLASS[0x3d] = PAD;
for (const c of Buffer.from('\r\n\t')) CLASS[c] = LINE;

/** The form of a base64 text. `lax`: decoders disagree about its bytes. */
export type Base64Form = 'standard' | 'url' | 'lax' | 'none';

/**
 * Whether a whole text is base64: characters of one alphabet, line breaks, padding only at the end. `lax` if it has characters
 * of both alphabets, or padding inside; `none` if it has any other character.
 */
export function base64Form(text: Uint8Array): Base64Form {
  let end = text.length;
  while (end > 0 && (text[end - 1] === 0x3d || text[end - 1] === 0x20 || CLASS[text[end - 1] as number] === LINE))
    end--;
  let seen = 0;
  let at = 0;
  // eight bytes for each branch; one function for this loop and that of classify.ts, with the table as a parameter, takes 1.2 times as long
  for (const last = end - 7; at < last; at += 8) {
    const low =
      (CLASS[text[at] as number] as number) |
      (CLASS[text[at + 1] as number] as number) |
      (CLASS[text[at + 2] as number] as number) |
      (CLASS[text[at + 3] as number] as number);
    const high =
      (CLASS[text[at + 4] as number] as number) |
      (CLASS[text[at + 5] as number] as number) |
      (CLASS[text[at + 6] as number] as number) |
      (CLASS[text[at + 7] as number] as number);
    seen |= low | high;
    if (seen & OTHER) return 'none';
  }
  for (; at < end; at++) seen |= CLASS[text[at] as number] as number;
  if (seen & OTHER) return 'none';
  if (seen & PAD || (seen & PLUS_SLASH && seen & URL_SAFE)) return 'lax';
  return seen & URL_SAFE ? 'url' : 'standard';
}

/** Decodes a text that base64Form() accepts; a lax one up to its first padding. */
export function decodeBase64(text: Uint8Array): Buffer {
  return Buffer.from(Buffer.from(text.buffer, text.byteOffset, text.length).toString('latin1'), 'base64');
}

/** The ways in which decoders read the two alphabets: both as values, or one of them as characters to skip. */
export const READINGS: readonly Int8Array[] = [
  VALUES,
  VALUES.map((v, c) => (c === 0x2d || c === 0x5f ? -1 : v)),
  VALUES.map((v, c) => (c === 0x2b || c === 0x2f ? -1 : v)),
];

/**
 * First bytes of the output of a lenient decoder from `start` on. Such a decoder skips characters outside its alphabet.
 * @param skip most characters that are skipped
 */
export function prefixOf(
  text: Uint8Array,
  start: number,
  { values = VALUES, characters, skip }: { values?: Int8Array; characters: number; skip: number },
): Buffer {
  const bytes = Buffer.allocUnsafe(((characters * 3) >> 2) + 3);
  let length = 0;
  let bits = 0;
  let count = 0;
  let skipped = 0;
  for (let i = start; i < text.length && count < characters; i++) {
    const v = values[text[i] as number] as number;
    if (v < 0) {
      if (++skipped > skip) break;
      continue;
    }
    bits = ((bits << 6) | v) & 0xffffff;
    count++;
    const full = count & 3;
    if (full === 2) bytes[length++] = (bits >> 4) & 0xff;
    else if (full === 3) bytes[length++] = (bits >> 2) & 0xff;
    else if (full === 0) bytes[length++] = bits & 0xff;
  }
  return bytes.subarray(0, length);
}
