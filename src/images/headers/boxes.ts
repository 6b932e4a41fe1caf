/** Boxes of ISO base media files (ISO/IEC 14496-12), of which AVIF is one kind. */

export interface Box {
  type: string;
  /** Byte offsets at which the content begins and ends. */
  from: number;
  to: number;
}

/** Most boxes on one level; a file with more is refused. */
const MOST_BOXES = 1000;

const at32 = (bytes: Uint8Array, at: number) =>
  (((bytes[at] as number) << 24) |
    ((bytes[at + 1] as number) << 16) |
    ((bytes[at + 2] as number) << 8) |
    (bytes[at + 3] as number)) >>>
  0;

const ascii = (bytes: Uint8Array, at: number) => String.fromCharCode(...bytes.subarray(at, at + 4));

/** The boxes between two byte offsets, in file order; undefined where a box exceeds the range. */
export function boxesIn(bytes: Uint8Array, from: number, to: number): Box[] | undefined {
  const boxes: Box[] = [];
  for (let at = from; at < to; ) {
    if (at + 8 > to || boxes.length === MOST_BOXES) return undefined;
    let size = at32(bytes, at);
    let head = 8;
    if (size === 1) {
      if (at + 16 > to) return undefined;
      size = at32(bytes, at + 8) * 2 ** 32 + at32(bytes, at + 12);
      head = 16;
    } else if (size === 0) size = to - at;
    if (size < head || at + size > to) return undefined;
    boxes.push({ type: ascii(bytes, at + 4), from: at + head, to: at + size });
    at += size;
  }
  return boxes;
}

/** Brands of the file type box; undefined where there is no such box. */
export function brandsOf(bytes: Uint8Array): { major: string; compatible: string[] } | undefined {
  if (bytes.length < 16 || ascii(bytes, 4) !== 'ftyp') return undefined;
  const size = at32(bytes, 0);
  const compatible: string[] = [];
  for (let at = 16; at + 4 <= Math.min(size, bytes.length, 1024); at += 4) compatible.push(ascii(bytes, at));
  return { major: ascii(bytes, 8), compatible };
}

/** Reads the numbers of a box; throws RangeError past its end. */
export class BoxReader {
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array, { from, to }: Box) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset + from, to - from);
  }

  /** A big-endian number of 0, 1, 2, 4 or 8 bytes. */
  number(size: number): number {
    const at = this.#at;
    this.#at += size;
    if (size === 8) return this.#view.getUint32(at) * 2 ** 32 + this.#view.getUint32(at + 4);
    if (size === 4) return this.#view.getUint32(at);
    if (size === 2) return this.#view.getUint16(at);
    return size === 1 ? this.#view.getUint8(at) : 0;
  }
}
