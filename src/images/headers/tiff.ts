export interface TiffHeader {
  width: number;
  height: number;
  /** Pictures in the file; the first one is decoded. */
  frames: number;
  photometric: number;
  compression: number;
  /** Bits of each sample. */
  bits: number[];
  sampleFormats: number[];
  samples: number;
  /** Kinds of the samples after the colours: 0 unspecified, 1 premultiplied alpha, 2 alpha. Undefined without the tag. */
  extra: number[] | undefined;
  planar: boolean;
  /** 1 to 8, as in EXIF. */
  orientation: number;
  /** The sample value of white (MaxSampleValue), where the tag exists. */
  maxValue: number | undefined;
  /** Pixels of a tile; 0 where the picture is in strips. */
  tilePixels: number;
  inkSet: number;
}

const TAG = {
  width: 256,
  height: 257,
  bits: 258,
  compression: 259,
  photometric: 262,
  orientation: 274,
  samples: 277,
  maxValue: 281,
  planar: 284,
  tileWidth: 322,
  tileHeight: 323,
  inkSet: 332,
  extra: 338,
  sampleFormat: 339,
  maxSample: 341,
} as const;
const WANTED = new Set<number>(Object.values(TAG));
/** Bytes of an integer by its type: BYTE, SHORT, LONG, LONG8. Other types are not read. */
const WIDTH: Record<number, number> = { 1: 1, 3: 2, 4: 4, 16: 8 };
/** Counting stops at this number of pictures. */
const MOST_FRAMES = 4096;
const MOST_VALUES = 64;

interface Directory {
  tags: Map<number, number[]>;
  next: number;
}

/**
 * Reads the first directory of a TIFF (TIFF 6.0) or BigTIFF file. Undefined where the file violates the standard. Tags that
 * are out of order or repeated count as violations, because readers differ in which of them they use.
 */
export function readTiffHeader(bytes: Uint8Array): TiffHeader | undefined {
  try {
    const file = new TiffFile(bytes);
    const { tags, next } = file.directory(file.first);
    const seen = new Set([file.first]);
    let at = next;
    while (at !== 0 && seen.size < MOST_FRAMES && !seen.has(at)) {
      seen.add(at);
      at = file.directory(at, true).next;
    }
    return at === 0 ? headerOf(tags, seen.size) : undefined;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function headerOf(tags: Map<number, number[]>, frames: number): TiffHeader | undefined {
  const one = (tag: number, otherwise: number) => tags.get(tag)?.[0] ?? otherwise;
  const [width, height] = [one(TAG.width, 0), one(TAG.height, 0)];
  const photometric = tags.get(TAG.photometric)?.[0];
  if (width === 0 || height === 0 || photometric === undefined) return undefined;
  return {
    width,
    height,
    frames,
    photometric,
    compression: one(TAG.compression, 1),
    bits: tags.get(TAG.bits) ?? [1],
    sampleFormats: tags.get(TAG.sampleFormat) ?? [1],
    samples: one(TAG.samples, 1),
    extra: tags.get(TAG.extra),
    planar: one(TAG.planar, 1) === 2,
    orientation: one(TAG.orientation, 1),
    maxValue: tags.get(TAG.maxSample)?.[0] ?? tags.get(TAG.maxValue)?.[0],
    tilePixels: one(TAG.tileWidth, 0) * one(TAG.tileHeight, 0),
    inkSet: one(TAG.inkSet, 1),
  };
}

class TiffFile {
  readonly #view: DataView;
  readonly #little: boolean;
  readonly #big: boolean;
  readonly first: number;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#little = bytes[0] === 0x49;
    this.#big = this.#number(2, 2) === 43;
    this.first = this.#big ? this.#number(8, 8) : this.#number(4, 4);
  }

  #number(at: number, size: number): number {
    if (size === 1) return this.#view.getUint8(at);
    if (size === 2) return this.#view.getUint16(at, this.#little);
    if (size === 4) return this.#view.getUint32(at, this.#little);
    const value = this.#view.getBigUint64(at, this.#little);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError('offset is larger than any file');
    return Number(value);
  }

  /** @throws RangeError when the directory is incomplete or its tags are not in order */
  directory(at: number, onlyNext = false): Directory {
    const count = this.#number(at, this.#big ? 8 : 2);
    const from = at + (this.#big ? 8 : 2);
    const size = this.#big ? 20 : 12;
    const next = this.#number(from + count * size, this.#big ? 8 : 4);
    const tags = new Map<number, number[]>();
    let last = -1;
    for (let i = 0; !onlyNext && i < count; i++) {
      const entry = from + i * size;
      const tag = this.#number(entry, 2);
      if (tag <= last) throw new RangeError('tags are not in order');
      last = tag;
      if (WANTED.has(tag)) tags.set(tag, this.#values(entry));
    }
    return { tags, next };
  }

  #values(entry: number): number[] {
    const width = WIDTH[this.#number(entry + 2, 2)];
    const count = this.#number(entry + 4, this.#big ? 8 : 4);
    if (width === undefined || count === 0 || count > MOST_VALUES) throw new RangeError('not a number of the standard');
    const field = this.#big ? { at: entry + 12, size: 8 } : { at: entry + 8, size: 4 };
    const at = width * count <= field.size ? field.at : this.#number(field.at, field.size);
    return Array.from({ length: count }, (_, i) => this.#number(at + i * width, width));
  }
}
