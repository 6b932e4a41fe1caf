/** The sizes of the headers, and of an entry of the palette behind each, that all readers take alike. */
const HEADERS: ReadonlySet<number> = new Set([12, 40, 52, 56, 108, 124]);
const CORE = 12;
/** Colours that Pillow takes for black and white, and decodes as such whatever the bits of a pixel are. */
const TWO = 2;

/**
 * Whether a BMP is one of those that Pillow, OpenCV and the service's decoder open with equal pixels: 24 bits, or 1, 4 or 8 bits with a
 * whole palette, without compression, and with its pixels behind header and palette. Readers scale 16 bits and treat the
 * fourth byte of 32 bits differently.
 */
export function isPlainBmp(data: Uint8Array): boolean {
  if (data.length < 54) return false;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const size = view.getUint32(14, true);
  const core = size === CORE;
  if (!HEADERS.has(size) || (!core && view.getUint32(30, true) !== 0)) return false;
  const bits = view.getUint16(core ? 24 : 28, true);
  const width = core ? view.getUint16(18, true) : view.getInt32(18, true);
  const height = Math.abs(core ? view.getUint16(20, true) : view.getInt32(22, true));
  const offset = view.getUint32(10, true);
  const pixels = Math.ceil((width * bits) / 32) * 4 * height;
  if (width <= 0 || height === 0 || offset + pixels > data.length) return false;
  const after = 14 + size;
  if (bits === 24) return offset >= after;
  if (bits !== 1 && bits !== 4 && bits !== 8) return false;
  const colours = (core ? 0 : view.getUint32(46, true)) || 2 ** bits;
  const entry = core ? 3 : 4;
  if (colours > 2 ** bits || offset < after + colours * entry) return false;
  if (bits === 1) return colours === TWO;
  return colours !== TWO && (bits === 8 || !isRamp(data, after, colours, entry));
}

/** Whether every entry of a palette is its index as a grey, which Pillow reads as eight bits for a pixel. */
function isRamp(data: Uint8Array, at: number, colours: number, entry: number): boolean {
  for (let i = 0; i < colours; i++) for (let c = 0; c < 3; c++) if (data[at + i * entry + c] !== i) return false;
  return true;
}
