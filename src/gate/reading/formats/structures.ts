/** Recognises image formats with a short signature or none, by the mandatory structure of their headers. */

const view = (data: Uint8Array) => new DataView(data.buffer, data.byteOffset, data.byteLength);
const BMP_HEADERS = new Set([12, 16, 40, 52, 56, 64, 108, 124]);

/** "BM" and the size of one of the existing header versions. */
export function bmp(data: Uint8Array): boolean {
  if (data.length < 26 || data[0] !== 0x42 || data[1] !== 0x4d) return false;
  return BMP_HEADERS.has(view(data).getUint32(14, true));
}

/** Icons and cursors, and bitmaps without a file header (DIB), which begin with the size of their header. */
export function ico(data: Uint8Array): string | undefined {
  if (data.length < 12 || data[1] !== 0 || data[3] !== 0) return undefined;
  if (data[0] === 0 && (data[2] === 1 || data[2] === 2)) return 'ICO';
  if (data[2] !== 0 || !BMP_HEADERS.has(data[0] as number)) return undefined;
  if (data[0] === 12) return 'DIB';
  return data.length >= 16 && data[12] === 1 && data[13] === 0 ? 'DIB' : undefined;
}

const TGA_TYPES = new Set([1, 2, 3, 9, 10, 11]);
const TGA_DEPTHS = new Set([1, 8, 15, 16, 24, 32]);

export function tga(data: Uint8Array): string | undefined {
  if (data.length < 19 || (data[1] as number) > 1 || !TGA_TYPES.has(data[2] as number)) return undefined;
  const sized = view(data).getUint16(12, true) > 0 && view(data).getUint16(14, true) > 0;
  return sized && TGA_DEPTHS.has(data[16] as number) ? 'TGA' : undefined;
}

export function pcx(data: Uint8Array): string | undefined {
  if (data.length < 68 || data[0] !== 0x0a || ![0, 2, 3, 4, 5].includes(data[1] as number)) return undefined;
  const v = view(data);
  const sized = v.getUint16(8, true) >= v.getUint16(4, true) && v.getUint16(10, true) >= v.getUint16(6, true);
  return sized && [1, 2, 4, 8].includes(data[3] as number) ? 'PCX' : undefined;
}

const SPIDER_FORMS = new Set([1, 3, -11, -12, -21, -22]);

/** 27 floats in either byte order, some of which must be whole numbers. */
export function spider(data: Uint8Array): string | undefined {
  if (data.length < 108) return undefined;
  const v = view(data);
  for (const little of [false, true]) {
    const h = (i: number) => v.getFloat32((i - 1) * 4, little);
    if (!SPIDER_FORMS.has(h(5))) continue;
    if ([1, 2, 5, 12, 13, 22, 23].every((i) => Number.isInteger(h(i))) && h(22) === h(13) * h(23)) return 'SPIDER';
  }
  return undefined;
}

export function sgi(data: Uint8Array): string | undefined {
  if (data.length < 12 || data[0] !== 0x01 || data[1] !== 0xda) return undefined;
  return (data[2] as number) < 2 && [1, 2].includes(data[3] as number) && data[4] === 0 ? 'SGI' : undefined;
}

export function fli(data: Uint8Array): string | undefined {
  if (data.length < 16 || data[5] !== 0xaf || (data[4] !== 0x11 && data[4] !== 0x12)) return undefined;
  return data[15] === 0 && (data[14] === 0 || data[14] === 3) ? 'FLI' : undefined;
}
