import { prefixOf, READINGS, VALUES } from './base64.ts';
import { surely } from './surely.ts';

/** Base64 inside base64 that is followed when the outer one is damaged. */
const MAX_DEPTH = 3;
/** Bytes that decide whether decoded bytes are damaged base64, and how many of them must be characters of base64. */
const HEAD = 16;
const MIN_CHARACTERS = 13;
const COMMA = 0x2c;
const PAD = 0x3d;

/** The readings of the two alphabets that can differ for a text. */
export function readingsOf(text: Buffer): Int8Array[] {
  const skipping = [text.includes('-') || text.includes('_'), text.includes('+') || text.includes('/')];
  return READINGS.filter((_, i) => i === 0 || skipping[i - 1]);
}

/** Offsets at which programs begin to decode: the start, and behind the first or the last comma. */
export const startsOf = (text: Buffer): Set<number> =>
  new Set([0, text.indexOf(COMMA) + 1, text.lastIndexOf(COMMA) + 1]);

/** A text to its end and to its first padding: some decoders end there, others skip it. */
export function endingsOf(text: Buffer, start: number): Buffer[] {
  const padding = text.indexOf(PAD, start);
  const rest = text.subarray(start);
  return padding < 0 ? [rest] : [rest, text.subarray(start, padding)];
}

function beginsAsBase64(bytes: Uint8Array, start: number): boolean {
  let characters = 0;
  const end = Math.min(start + HEAD, bytes.length);
  for (let i = start; i < end; i++) if ((VALUES[bytes[i] as number] as number) >= 0) characters++;
  return characters >= MIN_CHARACTERS;
}

/** Whether any of the starts is one; most bytes have none, so this comes before any object is made. */
function mayBeLenient(bytes: Buffer): boolean {
  if (bytes.length < MIN_CHARACTERS) return false;
  if (beginsAsBase64(bytes, 0)) return true;
  const comma = bytes.indexOf(COMMA);
  return comma >= 0 && (beginsAsBase64(bytes, comma + 1) || beginsAsBase64(bytes, bytes.lastIndexOf(COMMA) + 1));
}

/**
 * The format of an image that a decoder of base64 sees in bytes that are mostly noise, because it skips all characters without a
 * value: a changed character in base64 of base64 damages the outer layer from there on, and the header of the image is before it.
 */
export function lenientImage(bytes: Buffer, depth = MAX_DEPTH): string | undefined {
  if (!mayBeLenient(bytes)) return undefined;
  for (const start of startsOf(bytes)) {
    if (!beginsAsBase64(bytes, start)) continue;
    for (const piece of endingsOf(bytes, start))
      for (const values of readingsOf(piece)) {
        const decoded = prefixOf(piece, 0, { values, characters: piece.length, skip: piece.length });
        const inner = surely(decoded) ?? (depth > 1 ? lenientImage(decoded, depth - 1) : undefined);
        if (inner !== undefined) return inner;
      }
  }
  return undefined;
}
