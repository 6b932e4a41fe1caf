import type { BmpHeader } from './headers/bmp.ts';
import type { Raster } from './rows.ts';

/**
 * Decodes the pixels of a BMP file, as Pillow does: values of fewer bits are scaled by integer division. libvips has no reader for
 * BMP. @throws RangeError for an index outside the palette
 */
export function decodeBmp(bytes: Uint8Array, header: BmpHeader): Raster {
  const { width, height, topDown, offset, stride, bits, masks } = header;
  const channels = (bits === 32 || bits === 16) && masks[3] !== 0 ? 4 : 3;
  const data = Buffer.alloc(width * height * channels);
  const row = bits <= 8 ? indexedRow : bits === 24 ? plainRow : maskedRow;
  for (let y = 0; y < height; y++) {
    const from = offset + stride * (topDown ? y : height - 1 - y);
    row(bytes.subarray(from, from + stride), data.subarray(y * width * channels, (y + 1) * width * channels), header);
  }
  return { data, width, height, channels };
}

function plainRow(from: Uint8Array, to: Uint8Array): void {
  for (let at = 0; at < to.length; at += 3) {
    to[at] = from[at + 2] as number;
    to[at + 1] = from[at + 1] as number;
    to[at + 2] = from[at] as number;
  }
}

function indexedRow(from: Uint8Array, to: Uint8Array, { bits, palette, width }: BmpHeader): void {
  const perByte = 8 / bits;
  for (let x = 0; x < width; x++) {
    const shift = 8 - bits - bits * (x % perByte);
    const index = ((from[Math.floor(x / perByte)] as number) >> shift) & (2 ** bits - 1);
    if (3 * index >= palette.length) throw new RangeError('an index is outside the palette');
    for (let c = 0; c < 3; c++) to[3 * x + c] = palette[3 * index + c] as number;
  }
}

function maskedRow(from: Uint8Array, to: Uint8Array, { bits, masks, width }: BmpHeader): void {
  const view = new DataView(from.buffer, from.byteOffset, from.byteLength);
  const channels = to.length / width;
  const fields = masks.slice(0, channels).map((mask) => {
    const shift = mask === 0 ? 0 : 31 - Math.clz32(mask & -mask);
    return { shift, most: mask >>> shift };
  });
  for (let x = 0; x < width; x++) {
    const pixel = bits === 16 ? view.getUint16(2 * x, true) : view.getUint32(4 * x, true);
    for (const [c, { shift, most }] of fields.entries()) {
      const value = most === 0 ? 0 : (pixel >>> shift) & most;
      to[x * channels + c] = most === 0 ? 0 : Math.floor((value * 255) / most);
    }
  }
}
