import { brandsOf } from './headers/boxes.ts';

/** Accepted formats. The first bytes decide before the decoder runs, so no other format reaches it. */
export type ImageFormat = 'jpeg' | 'png' | 'webp' | 'gif' | 'avif' | 'tiff';

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
  return undefined;
}

/** An AVIF file may have a brand of the whole family (mif1, msf1) and list `avif` among its compatible brands. */
function isAvif(bytes: Uint8Array): boolean {
  const brands = brandsOf(bytes);
  if (!brands) return false;
  if (/^avi[fs]$/.test(brands.major)) return true;
  return /^m[is]f1$/.test(brands.major) && brands.compatible.some((brand) => /^avi[fs]$/.test(brand));
}
