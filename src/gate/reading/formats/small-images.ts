/**
 * Recognises complete files of the formats whose headers are a few small numbers, as features, labels and short tokens are.
 * Pillow refuses truncated files, so the declared size must fit into the bytes.
 */

const viewOf = (data: Uint8Array) => new DataView(data.buffer, data.byteOffset, data.byteLength);
const TGA_KINDS = new Set(['1/8', '2/16', '2/24', '2/32', '3/1', '3/8', '3/16']);
const MAP_DEPTHS = new Set([16, 24, 32]);
/** Most pixels of one packet of a run-length encoding. */
const MAX_RUN = 128;

function tga(data: Uint8Array, length: number): boolean {
  const [id = 0, map = 0, type = 0, , , , , mapDepth = 0] = data;
  if (data.length < 19 || map > 1 || (type & ~8) > 3) return false;
  const depth = data[16] as number;
  if (!TGA_KINDS.has(`${type & 7}/${depth}`) || (map === 1 && !MAP_DEPTHS.has(mapDepth))) return false;
  const view = viewOf(data);
  const [width, height] = [view.getUint16(12, true), view.getUint16(14, true)];
  const pixels = length - 18 - id - (map === 1 ? (view.getUint16(5, true) * mapDepth) / 8 : 0);
  if (width === 0 || height === 0 || pixels <= 0) return false;
  if (type < 8) return height * Math.ceil((width * depth) / 8) <= pixels;
  return width * height <= MAX_RUN * Math.ceil(pixels / (1 + depth / 8));
}

const DEPTHS = new Set([1, 4, 8, 16, 24, 32]);
const DIB_HEADERS = new Set([40, 52, 56, 64, 108, 124]);

function dib(data: Uint8Array, length: number): boolean {
  if (data.length < 18) return false;
  const view = viewOf(data);
  const header = view.getUint32(0, true);
  const old = header === 12;
  if (!old && (!DIB_HEADERS.has(header) || data.length < 40)) return false;
  const at = old ? 8 : 12;
  const depth = view.getUint16(at + 2, true);
  if (view.getUint16(at, true) !== 1 || !DEPTHS.has(depth)) return false;
  const width = old ? view.getUint16(4, true) : view.getInt32(4, true);
  const height = Math.abs(old ? view.getUint16(6, true) : view.getInt32(8, true));
  if (width <= 0 || height === 0) return false;
  const packed = !old && [1, 2].includes(view.getUint32(16, true));
  // the blanks at the end of the last row may be missing
  return packed || header + Math.ceil((width * depth) / 32) * 4 * height <= length + 3;
}

function icon(data: Uint8Array, length: number): boolean {
  const view = viewOf(data);
  if (data.length < 40 || view.getUint16(0) !== 0 || ![1, 2].includes(view.getUint16(2, true))) return false;
  const count = Math.min(view.getUint16(4, true), 64);
  for (let at = 6; at < 6 + 16 * count && at + 16 <= data.length; at += 16) {
    const offset = view.getUint32(at + 12, true);
    if (offset < 22 || offset >= length) continue;
    // the rest of the file may be beyond the bytes that are kept
    if (offset + 18 > data.length) return data.length < length;
    const first = view.getUint32(offset);
    if (first === 0x89504e47 || dib(data.subarray(offset), Number.POSITIVE_INFINITY)) return true;
  }
  return false;
}

function pcx(data: Uint8Array, length: number): boolean {
  if (length <= 128 || data.length < 68 || data[0] !== 10 || (data[1] as number) > 5) return false;
  const view = viewOf(data);
  const width = view.getUint16(8, true) - view.getUint16(4, true) + 1;
  const height = view.getUint16(10, true) - view.getUint16(6, true) + 1;
  const [bits, planes, stride] = [data[3] as number, data[65] as number, view.getUint16(66, true)];
  if (width <= 0 || height <= 0 || ![1, 2, 4, 8].includes(bits) || planes < 1 || planes > 4) return false;
  return stride * 8 >= width * bits && Math.ceil((stride * planes * height) / 63) * 2 <= length - 128 + 64;
}

function brush(data: Uint8Array, length: number): boolean {
  if (data.length < 28) return false;
  const [header, version, width, height, channels] = [0, 4, 8, 12, 16].map((at) => viewOf(data).getUint32(at));
  if ((header as number) < 20 || (version !== 1 && version !== 2) || (channels !== 1 && channels !== 4)) return false;
  const pixels = (width as number) * (height as number) * channels;
  return pixels > 0 && (header as number) + pixels <= length;
}

function area(data: Uint8Array, length: number): boolean {
  if (data.length < 256) return false;
  const view = viewOf(data);
  if (view.getUint32(0) !== 0 || view.getUint32(4) !== 4) return false;
  const pixels = view.getUint32(32) * view.getUint32(36);
  return pixels > 0 && pixels <= length;
}

const KINDS = Object.entries({ TGA: tga, DIB: dib, ICO: icon, PCX: pcx, GBR: brush, McIdas: area });

/**
 * @param data first bytes of a file, at most some kilobytes
 * @param length bytes of the whole file
 */
export function smallImage(data: Uint8Array, length = data.length): string | undefined {
  return data.length < 18 ? undefined : KINDS.find(([, holds]) => holds(data, length))?.[0];
}
