import { addBeginning, mayBeImage } from './beginnings.ts';
import { isobmff } from './isobmff.ts';
import { isPlainBmp } from './plain-bmp.ts';
import { bmp, fli, ico, pcx, sgi, spider, tga } from './structures.ts';
import { textImage } from './text-images.ts';

/** `judged`: the engine gets the image, and reports itself if it cannot decode it. `other`: the image is `unexamined`. */
export type ImageKind = 'judged' | 'other';

export interface KnownFormat {
  name: string;
  kind: ImageKind;
}

type Signature = [name: string, hex: string, at?: number];

const JUDGED: Signature[] = [
  ['PNG', '89504e47'],
  ['GIF', '47494638'],
  ['TIFF', '49492a00'],
  ['TIFF', '4d4d002a'],
  ['TIFF', '49492b00'],
  ['TIFF', '4d4d002b'],
  // Pillow also opens files with these two wrong signatures
  ['TIFF', '4949002a'],
  ['TIFF', '4d4d2a00'],
];

/** Signatures of formats that Pillow, OpenCV and their plugins open, and of pixel files for other readers. */
const OTHERS: Signature[] = [
  ['JPEG 2000', '0000000c6a502020'],
  ['JPEG 2000', 'ff4fff51'],
  ['JPEG XL', 'ff0a'],
  ['JPEG XL', '0000000c4a584c20'],
  ['JPEG XR', '4949bc'],
  ['PSD', '38425053'],
  ['DDS', '44445320'],
  ['QOI', '716f6966'],
  ['ICNS', '69636e73'],
  ['BLP', '424c5031'],
  ['BLP', '424c5032'],
  ['FTEX', '46544558'],
  ['Sun raster', '59a66a95'],
  ['DCX', 'b168de3a'],
  ['PIXAR', '80e80000'],
  ['McIdas', '0000000000000004'],
  ['MPEG', '000001b3'],
  ['WMF', 'd7cdc69a0000'],
  ['EMF', '01000000'],
  ['HDF5', '894844460d0a1a0a'],
  ['GRIB', '47524942'],
  ['BUFR', '42554652'],
  ['BUFR', '5a435a43'],
  ['OpenEXR', '762f3101'],
  ['farbfeld', '6661726266656c64'],
  ['XCF', '67696d7020786366'],
  ['FLIF', '464c4946'],
  ['BPG', '425047fb'],
  ['DjVu', '41542654464f524d'],
  ['KTX', 'ab4b5458'],
  ['NumPy array', '934e554d5059'],
  ['EPS', 'c5d0d3c6'],
  ['DICOM', '4449434d', 128],
  ['NIfTI', '6e2b3100', 344],
  // Pillow tests for this one before TIFF, WebP and AVIF
  ['PhotoCD', '5043445f', 2048],
];

const table = (signatures: Signature[]) =>
  signatures.map(([name, hex, at = 0]) => ({ name, at, bytes: Buffer.from(hex, 'hex') }));
const judged = table(JUDGED);
const others = table(OTHERS);
const inside = others.filter(({ at }) => at > 0);
/** Signatures at the beginning by their first byte, because most short texts have none of these bytes. */
const byFirst = Array.from({ length: 256 }, (_, first) => others.filter((s) => s.at === 0 && s.bytes[0] === first));
for (const { at, bytes } of [...judged, ...others]) if (at === 0) addBeginning(bytes);
const NONE: typeof others = [];
const matching = (list: typeof others, data: Uint8Array) => list.find((signature) => startsWith(data, signature));

function startsWith(data: Uint8Array, { at, bytes }: { at: number; bytes: Uint8Array }): boolean {
  if (data.length < at + bytes.length) return false;
  for (let i = 0; i < bytes.length; i++) if (data[at + i] !== bytes[i]) return false;
  return true;
}

/** The first marker, then a second one. Bytes after 0xff that no reader knows or skips mean another format. */
const isJpeg = (d: Uint8Array) =>
  d[0] === 0xff && d[1] === 0xd8 && d[2] === 0xff && d.length > 3 && ((d[3] as number) >= 0xc0 || (d[3] as number) < 2);
const isWebP = (d: Uint8Array) => startsWith(d, { at: 0, bytes: RIFF }) && startsWith(d, { at: 8, bytes: WEBP });
const RIFF = Buffer.from('RIFF');
const WEBP = Buffer.from('WEBP');
/** The Game Boy formats of GIMP: size of the header, then a version. */
const isGbr = (d: Uint8Array) =>
  d.length >= 28 && d[0] === 0 && d[1] === 0 && d[4] === 0 && d[5] === 0 && d[6] === 0 && (d[7] === 1 || d[7] === 2);

/** Fields of IPTC-NAA, each with a tag and a length, among which is the one with the layers of an image (3:60). */
function iptc(data: Uint8Array): boolean {
  let layers = false;
  for (let at = 0; data[at] === 0x1c && at + 5 <= data.length; ) {
    if (data[at + 1] === 3 && data[at + 2] === 60) layers = true;
    if (data[at + 1] === 8 && data[at + 2] === 10) return layers;
    const size = data[at + 3] as number;
    // longer lengths are themselves preceded by their length
    let length = size > 128 ? 0 : ((size & 127) << 8) | (data[at + 4] as number);
    for (let i = 0; i < size - 128; i++) length = length * 256 + (data[at + 5 + i] ?? 0);
    at += 5 + Math.max(0, size - 128) + length;
  }
  return layers;
}

/**
 * The image format of some bytes, by signature or header structure; undefined if no known reader opens them as an image. Where
 * a signature is short, doubtful bytes count as an image.
 */
export function imageFormat(data: Uint8Array): KnownFormat | undefined {
  if (!mayBeImage(data, data.length)) return undefined;
  const other =
    matching(byFirst[data[0] as number] ?? NONE, data) ?? (data.length > 128 ? matching(inside, data) : undefined);
  if (other) return { name: other.name, kind: 'other' };
  const structured =
    spider(data) ??
    tga(data) ??
    sgi(data) ??
    fli(data) ??
    pcx(data) ??
    ico(data) ??
    (isGbr(data) ? 'GBR' : undefined) ??
    (iptc(data) ? 'IPTC' : undefined);
  const text = structured === undefined ? textImage(data) : undefined;
  const name = structured ?? text;
  if (name !== undefined) return { name, kind: 'other' };
  if (isJpeg(data)) return { name: 'JPEG', kind: 'judged' };
  const known = judged.find((signature) => startsWith(data, signature));
  if (known) return { name: known.name, kind: 'judged' };
  if (isWebP(data)) return { name: 'WebP', kind: 'judged' };
  if (isobmff(data) === 'image') return { name: 'AVIF or HEIF', kind: 'judged' };
  return bmp(data) ? { name: 'BMP', kind: isPlainBmp(data) ? 'judged' : 'other' } : undefined;
}
