import { BMP_HEADERS } from './headers/bmp.ts';
import { brandsOf } from './headers/boxes.ts';

/** Accepted formats. The first bytes decide before the decoder runs, so no other format reaches it. */
export type ImageFormat = 'jpeg' | 'png' | 'webp' | 'gif' | 'avif' | 'tiff' | 'bmp';

const ascii = (bytes: Uint8Array, at: number, length: number) =>
  String.fromCharCode(...bytes.subarray(at, at + length));

/** The format by its signature; undefined for anything else. SVG and PDF are refused because they are documents. */
export function sniff(bytes: Uint8Array): ImageFormat | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return 'jpeg';
  if (ascii(bytes, 0, 8) === '\x89PNG\r\n\x1a\n') return 'png';
  if (ascii(bytes, 0, 4) === 'RIFF' && ascii(bytes, 8, 4) === 'WEBP') return 'webp';
  if (/^GIF8[79]a$/.test(ascii(bytes, 0, 6))) return 'gif';
  if (isAvif(bytes)) return 'avif';
  // the last two are BigTIFF
  if (['II*\0', 'MM\0*', 'II+\0', 'MM\0+'].includes(ascii(bytes, 0, 4))) return 'tiff';
  // the size of the header distinguishes a BMP from a text that begins with its two letters
  if (ascii(bytes, 0, 2) === 'BM' && BMP_HEADERS.has(bytes[14] ?? 0) && bytes[15] === 0) return 'bmp';
  return undefined;
}

/**
 * An AVIF file may have any brand in front, such as one of the whole family (mif1, msf1, miaf), and list `avif` among its
 * compatible brands. A brand of HEVC in front says that its pictures are not AV1.
 */
function isAvif(bytes: Uint8Array): boolean {
  const brands = brandsOf(bytes);
  if (!brands || /^he[iv]/.test(brands.major)) return false;
  return [brands.major, ...brands.compatible].some((brand) => /^avi[fs]$/.test(brand));
}
