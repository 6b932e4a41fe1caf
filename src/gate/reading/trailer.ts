import { controls } from './classify.ts';

const JPEG_END = Buffer.from('ffd9', 'hex');
const PNG_END = Buffer.from('IEND');
const GIF_END = Buffer.from('\0;');
/** Shorter texts after an image hold no other one. */
const MIN_BYTES = 24;

/** The first byte after the last end mark; -1 if there is none. */
const endBy = (data: Buffer, mark: Buffer, more = 0) => {
  const at = data.lastIndexOf(mark);
  return at < 0 ? -1 : at + mark.length + more;
};

function endOf(data: Buffer): number {
  switch (data[0]) {
    case 0xff:
      return endBy(data, JPEG_END);
    // a checksum follows the name of the last chunk
    case 0x89:
      return endBy(data, PNG_END, 4);
    case 0x47:
      return endBy(data, GIF_END);
    case 0x52:
      return data.length >= 8 ? 8 + data.readUInt32LE(4) : -1;
    default:
      return -1;
  }
}

/**
 * The text after the end of a JPEG, PNG, GIF or WebP. A reader of images ignores it, and one that reads line by line finds JSON
 * in it. Undefined if there is none; binary trailers, as cameras write them, are parts of the file.
 */
export function textAfter(data: Buffer): Buffer | undefined {
  const end = endOf(data);
  if (end < 0 || data.length - end < MIN_BYTES) return undefined;
  const rest = data.subarray(end);
  return controls(rest) === 0 ? rest : undefined;
}
