import { brandsOf } from './headers/boxes.ts';

const HEIF = /^(?:hei[cxms]|hev[cxms]|mi[fa]1|ms[fa]1|avc[is]|heif|j2ki)$/;

/** Signatures of other formats: name, bytes, offset. */
const OTHERS: [string, string, number?][] = [
  ['JPEG 2000', '0000000c6a502020'],
  ['JPEG 2000', 'ff4fff51'],
  ['Photoshop', '38425053'],
  ['ICO', '00000100'],
  ['PostScript', '25215053'],
  ['OpenEXR', '762f3101'],
  ['QOI', '716f6966'],
  ['DICOM', '4449434d', 128],
];

const starts = (bytes: Uint8Array, ...head: number[]) => head.every((byte, i) => bytes[i] === byte);

/** The name of a known format that is not decoded, for the text of the refusal; undefined for anything else. */
export function refusedFormat(bytes: Uint8Array): string | undefined {
  const brand = brandsOf(bytes)?.major;
  if (brand !== undefined && HEIF.test(brand)) return /^he[iv]/.test(brand) ? 'HEIC' : 'HEIF';
  if (starts(bytes, 0xff, 0x0a)) return 'JPEG XL';
  if (starts(bytes, 0, 0, 0, 12, 0x4a, 0x58, 0x4c, 0x20, 0x0d, 0x0a, 0x87, 0x0a)) return 'JPEG XL';
  if (starts(bytes, 0x25, 0x50, 0x44, 0x46, 0x2d)) return 'PDF';
  const other = OTHERS.find(([, hex, at = 0]) => starts(bytes.subarray(at), ...Buffer.from(hex, 'hex')));
  if (other) return other[0];
  const head = Buffer.from(bytes.subarray(0, 1024)).toString('latin1');
  if (/^(?:\xef\xbb\xbf)?\s*</.test(head) && /<svg[\s>]/i.test(head)) return 'SVG';
  return undefined;
}

/** The public text of a refusal: names the format if it is known, and says what to send. */
export function refusalOf(bytes: Uint8Array): string {
  const name = refusedFormat(bytes);
  if (name) return `${name} images are not supported; convert to JPEG.`;
  return 'This is not an image in a known format; send JPEG, PNG, WebP, GIF, AVIF, TIFF or BMP.';
}
