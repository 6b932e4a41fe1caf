import { isUtf8 } from 'node:buffer';
import { imageFormat, type KnownFormat } from './formats/image-format.ts';
import { archiveKind, mediaKind } from './formats/media.ts';

/** The kind of some bytes by their content alone. `wide`: text in UTF-16 or UTF-32, converted to UTF-8. */
export type Content =
  | { kind: 'image'; format: KnownFormat }
  | { kind: 'text' }
  | { kind: 'wide'; text: Buffer }
  | { kind: 'media' | 'archive'; name: string }
  | { kind: 'unknown' };

/** Control characters that do not occur in text. ESC occurs in coloured log lines, a form feed between pages. */
export const CONTROL = new Uint8Array(256);
for (let c = 0; c < 32; c++) CONTROL[c] = 1;
for (const c of Buffer.from('\t\n\r\f\b\x1b')) CONTROL[c] = 0;

export function controls(data: Uint8Array): number {
  let count = 0;
  for (let i = 0; i < data.length; i++) count += CONTROL[data[i] as number] as number;
  return count;
}

function hasControls(data: Uint8Array): boolean {
  const { length } = data;
  let at = 0;
  // eight bytes for each branch
  for (const last = length - 7; at < last; at += 8) {
    const low =
      (CONTROL[data[at] as number] as number) |
      (CONTROL[data[at + 1] as number] as number) |
      (CONTROL[data[at + 2] as number] as number) |
      (CONTROL[data[at + 3] as number] as number);
    const high =
      (CONTROL[data[at + 4] as number] as number) |
      (CONTROL[data[at + 5] as number] as number) |
      (CONTROL[data[at + 6] as number] as number) |
      (CONTROL[data[at + 7] as number] as number);
    if ((low | high) === 1) return true;
  }
  for (; at < length; at++) if (CONTROL[data[at] as number] === 1) return true;
  return false;
}

const isText = (data: Uint8Array) => !hasControls(data) && isUtf8(data);

/** Bytes of one character and their order, by a byte order mark or by the positions of zeros in the first characters. */
function width(data: Uint8Array): { bytes: 2 | 4; little: boolean } | undefined {
  const [a, b, c, d] = data;
  if (a === 0xff && b === 0xfe && c === 0 && d === 0 && data.length % 4 === 0) return { bytes: 4, little: true };
  if (a === 0 && b === 0 && c === 0xfe && d === 0xff) return { bytes: 4, little: false };
  if (a === 0xff && b === 0xfe) return { bytes: 2, little: true };
  if (a === 0xfe && b === 0xff) return { bytes: 2, little: false };
  // without a mark: the zero bytes of ASCII characters are always at the same positions
  const looked = Math.min(data.length & ~3, 64);
  if (looked < 4) return undefined;
  let pattern = 0;
  for (let phase = 0; phase < 4; phase++) {
    let zeros = 0;
    for (let i = phase; i < looked; i += 4) if (data[i] === 0) zeros++;
    if (zeros * 4 > looked / 2) pattern |= 8 >> phase;
  }
  return PATTERNS[pattern];
}

/** Widths by the positions that are mostly zero, the first one as the highest bit. */
const PATTERNS: Record<number, { bytes: 2 | 4; little: boolean }> = {
  7: { bytes: 4, little: true },
  14: { bytes: 4, little: false },
  5: { bytes: 2, little: true },
  10: { bytes: 2, little: false },
};

/** Converts UTF-16 and UTF-32 to UTF-8; undefined if the bytes are neither. */
function narrow(data: Uint8Array): Buffer | undefined {
  const found = width(data);
  if (!found) return undefined;
  const { bytes, little } = found;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  if (bytes === 2) {
    const even = Buffer.from(data.subarray(0, data.length & ~1));
    if (!little) even.swap16();
    return checked(even.toString('utf16le'));
  }
  const points: string[] = [];
  for (let at = 0; at + 4 <= data.length; at += 4) {
    const point = view.getUint32(at, little);
    if (point > 0x10ffff) return undefined;
    points.push(String.fromCodePoint(point));
  }
  return checked(points.join(''));
}

function checked(text: string): Buffer | undefined {
  const bytes = Buffer.from(text.replace(/^\ufeff/, ''));
  return isText(bytes) ? bytes : undefined;
}

/** Classifies content. Images are tested first, because some files are an image and something else as well. */
export function classify(data: Uint8Array): Content {
  const format = imageFormat(data);
  if (format) return { kind: 'image', format };
  if (isText(data)) return { kind: 'text' };
  const text = narrow(data);
  if (text) return { kind: 'wide', text };
  const media = mediaKind(data);
  if (media) return { kind: 'media', name: media };
  const archive = archiveKind(data);
  if (archive) return { kind: 'archive', name: archive };
  return { kind: 'unknown' };
}
