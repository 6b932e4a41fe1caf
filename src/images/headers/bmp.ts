export interface BmpHeader {
  width: number;
  height: number;
  /** Rows are stored from bottom to top unless the height in the file is negative. */
  topDown: boolean;
  /** 1, 4, 8 (palette), 16, 24 or 32 bits of a pixel. */
  bits: number;
  /** Offset of the first row, and bytes from one row to the next. */
  offset: number;
  stride: number;
  /** Masks of red, green, blue and alpha in 16 and 32 bits; alpha is 0 for none. */
  masks: [number, number, number, number];
  /** RGB of each index. */
  palette: Uint8Array;
}

/** Sizes of the headers that are read: OS/2, and Windows in five versions. The size says which. */
export const BMP_HEADERS: ReadonlySet<number> = new Set([12, 40, 52, 56, 108, 124]);
const CORE = 12;
const UNCOMPRESSED = 0;
const BITFIELDS = 3;
const MASKS_555: BmpHeader['masks'] = [0x7c00, 0x03e0, 0x001f, 0];
const MASKS_888: BmpHeader['masks'] = [0xff0000, 0xff00, 0xff, 0];

/** Reads the header of a BMP file. @returns undefined where it is damaged, and a text where this kind of BMP is not read */
export function readBmpHeader(bytes: Uint8Array): BmpHeader | string | undefined {
  try {
    return headerOf(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function headerOf(view: DataView): BmpHeader | string | undefined {
  const size = view.getUint32(14, true);
  const core = size === CORE;
  const width = core ? view.getUint16(18, true) : view.getInt32(18, true);
  const tall = core ? view.getUint16(20, true) : view.getInt32(22, true);
  const bits = view.getUint16(core ? 24 : 28, true);
  const compression = core ? UNCOMPRESSED : view.getUint32(30, true);
  const wide = bits === 16 || bits === 32;
  if (compression !== UNCOMPRESSED && !(compression === BITFIELDS && wide)) return 'it is compressed';
  if (![1, 4, 8, 16, 24, 32].includes(bits)) return `${bits} bits for a pixel are not supported`;
  const height = Math.abs(tall);
  const offset = view.getUint32(10, true);
  const stride = ((width * bits + 31) >>> 5) * 4;
  if (width <= 0 || height === 0 || offset + stride * height > view.byteLength) return undefined;
  const masks = compression === BITFIELDS ? masksOf(view, size) : bits === 16 ? MASKS_555 : MASKS_888;
  if (masks.some((mask, i) => !isRun(mask) || (i < 3 && mask === 0))) return 'its colour masks are not usual ones';
  const palette = bits <= 8 ? paletteOf(view, { at: 14 + size, to: offset, bits, core }) : new Uint8Array();
  return { width, height, topDown: tall < 0, bits, offset, stride, masks, palette };
}

/** In a header of 40 bytes three masks follow it; larger headers contain them, from 56 bytes on with alpha. */
function masksOf(view: DataView, size: number): BmpHeader['masks'] {
  const at = (i: number) => view.getUint32(54 + 4 * i, true);
  return [at(0), at(1), at(2), size >= 56 ? at(3) : 0];
}

const isRun = (mask: number) => /^0*1*0*$/.test(mask.toString(2));

function paletteOf(
  view: DataView,
  { at, to, bits, core }: { at: number; to: number; bits: number; core: boolean },
): Uint8Array {
  const entry = core ? 3 : 4;
  const most = 2 ** bits;
  const announced = core ? most : view.getUint32(46, true) || most;
  // the palette ends where the pixels begin
  const count = Math.max(0, Math.min(most, announced, Math.floor((to - at) / entry)));
  const palette = new Uint8Array(3 * count);
  for (let i = 0; i < count; i++) {
    for (let c = 0; c < 3; c++) palette[3 * i + c] = view.getUint8(at + entry * i + 2 - c);
  }
  return palette;
}
