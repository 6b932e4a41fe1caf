/** Mutated images: small files of every format that is accepted or known, changed by a seeded generator. */
import { deflateSync } from 'node:zlib';
import { chunk, pngOf, scanned } from '../../helpers/costly-images.ts';
import { waves } from '../../helpers/images.ts';
import { tiff } from '../../helpers/tiff.ts';
import type { Random } from './random.ts';

export interface Base {
  format: string;
  bytes: Buffer;
}

/** Headers of formats that are known and not decoded, each with a little body. */
function known(): Base[] {
  const made: [string, string | Buffer][] = [
    ['ppm', 'P6 4 4 255\n'],
    ['pgm', 'P5 4 4 255\n'],
    ['pbm', 'P4 8 8\n'],
    ['tga', Buffer.from([0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 4, 0, 24, 0])],
    ['ico', Buffer.from([0, 0, 1, 0, 1, 0, 4, 4, 0, 0, 1, 0, 24, 0, 88, 0, 0, 0, 22, 0, 0, 0])],
    ['icns', 'icns\0\0\0@'],
    ['pcx', Buffer.from([10, 5, 1, 8, 0, 0, 0, 0, 3, 0, 3, 0])],
    ['psd', '8BPS\0\x01\0\0\0\0\0\0\0\x03\0\0\0\x04\0\0\0\x04\0\x08\0\x03'],
    ['qoi', 'qoif\0\0\0\x04\0\0\0\x04\x03\0'],
    ['dds', 'DDS \x7c\0\0\0'],
    ['bmp', 'BM\x66\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x04\0\0\0\x04\0\0\0\x01\0\x18\0'],
    ['heic', '\0\0\0\x18ftypheic\0\0\0\0mif1heic'],
    ['jxl', Buffer.from([0xff, 0x0a, 0x7f, 0x80])],
    ['jp2', '\0\0\0\x0cjP  \r\n\x87\n'],
    ['sgi', Buffer.from([1, 0xda, 0, 1, 0, 3, 0, 4, 0, 4, 0, 3])],
    ['xbm', '#define a_width 8\n#define a_height 8\nstatic char a_bits[] = {0x00};\n'],
    ['svg', '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'],
    ['bigtiff', 'II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0'],
  ];
  return made.map(([format, head]) => {
    const bytes = typeof head === 'string' ? Buffer.from(head, 'latin1') : head;
    return { format, bytes: Buffer.concat([bytes, Buffer.alloc(64, 0x5a)]) };
  });
}

/** Files that cost more than others of their size, or claim to. */
async function bombs(): Promise<Base[]> {
  const zeros = deflateSync(Buffer.alloc(4_000_000));
  const profile = chunk('iCCP', Buffer.concat([Buffer.from('a\0\0'), zeros]));
  const pixels = new Uint8Array(16 * 16 * 3);
  return [
    { format: 'png of many pixels', bytes: pngOf(6000, 6000, deflateSync(Buffer.alloc(1000))) },
    { format: 'png of a side too long', bytes: pngOf(70_000, 1, deflateSync(Buffer.alloc(1000))) },
    { format: 'png with a large profile', bytes: pngOf(8, 8, deflateSync(Buffer.alloc(8 * 25)), profile) },
    { format: 'jpeg of 20 scans', bytes: await scanned(24, 16, 10) },
    { format: 'jpeg of 200 scans', bytes: await scanned(24, 16, 200) },
    {
      format: 'tiff of large tiles',
      bytes: tiff(16, 16, pixels, {
        more: [
          [322, 4, 65_536],
          [323, 4, 65_536],
        ],
      }),
    },
  ];
}

/** Everything that is mutated. */
export async function bases(): Promise<Base[]> {
  const small = () => waves(24, 16, 5);
  const exif = { IFD0: { Copyright: 'c', Orientation: '6' } };
  const made: [string, Promise<Buffer>][] = [
    ['jpeg', small().jpeg().toBuffer()],
    ['jpeg progressive', small().jpeg({ progressive: true }).toBuffer()],
    ['jpeg exif', small().withExif(exif).jpeg().toBuffer()],
    ['jpeg icc', small().withIccProfile('p3').jpeg().toBuffer()],
    ['jpeg grey', small().greyscale().jpeg().toBuffer()],
    ['jpeg cmyk', small().toColourspace('cmyk').jpeg().toBuffer()],
    ['png', small().png().toBuffer()],
    ['png palette', small().png({ palette: true }).toBuffer()],
    ['png 16 bits', small().toColourspace('rgb16').png().toBuffer()],
    ['png icc', small().withIccProfile('p3').png().toBuffer()],
    ['webp', small().webp().toBuffer()],
    ['webp lossless', small().webp({ lossless: true }).toBuffer()],
    ['webp exif', small().withExif(exif).webp().toBuffer()],
    ['gif', small().gif().toBuffer()],
    ['avif', small().avif({ effort: 0 }).toBuffer()],
    ['tiff', small().tiff({ compression: 'none' }).toBuffer()],
    ['tiff lzw', small().tiff({ compression: 'lzw' }).toBuffer()],
    ['tiff jpeg', small().tiff({ compression: 'jpeg' }).toBuffer()],
    ['tiff tiles', small().tiff({ tile: true, tileWidth: 16, tileHeight: 16, compression: 'deflate' }).toBuffer()],
  ];
  const images = await Promise.all(made.map(async ([format, bytes]) => ({ format, bytes: await bytes })));
  const samples = new Uint8Array(16 * 16 * 3).fill(90);
  const planes = tiff(16, 16, samples, { planar: true });
  return [...images, { format: 'tiff planar', bytes: planes }, ...(await bombs()), ...known()];
}

/** Sizes, counts and offsets at which readers err. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

function flipped(random: Random, bytes: Buffer): Buffer {
  const changed = Buffer.from(bytes);
  // headers are where a change matters most
  const within = random.int(2) ? Math.min(changed.length, 128) : changed.length;
  for (let i = 1 + random.int(8); i > 0; i--) changed[random.int(within)]! ^= 1 << random.int(8);
  return changed;
}

function edged(random: Random, bytes: Buffer): Buffer {
  const changed = Buffer.from(bytes);
  const at = random.int(Math.max(1, changed.length - 4));
  if (changed.length < 4) return changed;
  if (random.int(2)) changed.writeUInt32BE(random.pick(EDGES), at);
  else changed.writeUInt32LE(random.pick(EDGES), at);
  return changed;
}

/** A piece moved, repeated, taken out, or taken from another file. */
function spliced(random: Random, bytes: Buffer, other: Buffer): Buffer {
  const at = random.int(bytes.length);
  const from = random.int(other.length);
  const piece = other.subarray(from, from + random.int(256));
  const times = random.int(20) === 0 ? 50 : 1;
  const rest = bytes.subarray(random.int(2) ? at : Math.min(bytes.length, at + piece.length));
  return Buffer.concat([bytes.subarray(0, at), ...Array<Buffer>(times).fill(piece), rest]);
}

/** One mutated image: the kind of change, the format that it began as, and its bytes. */
export function mutated(random: Random, all: readonly Base[]): Base & { change: string } {
  const { format, bytes } = random.pick(all);
  const other = random.pick(all).bytes;
  switch (random.int(6)) {
    case 0:
      return { format, change: 'truncated', bytes: bytes.subarray(0, 1 + random.int(bytes.length)) };
    case 1:
      return { format, change: 'spliced', bytes: spliced(random, bytes, other) };
    case 2:
      return { format, change: 'edge', bytes: edged(random, bytes) };
    case 3:
      return { format, change: 'both', bytes: flipped(random, spliced(random, bytes, other)) };
    case 4:
      // unlike every other file, so that no cache answers
      return { format, change: 'appended', bytes: Buffer.concat([bytes, random.bytes(1 + random.int(32))]) };
    default:
      return { format, change: 'flipped', bytes: flipped(random, bytes) };
  }
}
