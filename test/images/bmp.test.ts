import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeBmp } from '../../src/images/bmp.ts';
import { decodeImage } from '../../src/images/decode.ts';
import { type BmpHeader, readBmpHeader } from '../../src/images/headers/bmp.ts';

interface Kind {
  bits: number;
  header: number;
  masks?: number[];
  /** The pixel value of the colour of an index, RGB(A). */
  colour?: (value: number) => number[];
}

const scaled = (value: number, most: number) => Math.floor((value * 255) / most);
const RGB555 = (v: number) => [scaled((v >> 10) & 31, 31), scaled((v >> 5) & 31, 31), scaled(v & 31, 31)];
const RGB565 = (v: number) => [scaled((v >> 11) & 31, 31), scaled((v >> 5) & 63, 63), scaled(v & 31, 31)];
const RGB = (v: number) => [(v >> 16) & 255, (v >> 8) & 255, v & 255];
const KINDS: Record<string, Kind> = {
  'OS/2, 8 bits': { bits: 8, header: 12 },
  '1 bit': { bits: 1, header: 40 },
  '4 bits': { bits: 4, header: 40 },
  '8 bits': { bits: 8, header: 124 },
  '16 bits, 555': { bits: 16, header: 40, colour: RGB555 },
  '16 bits, 565': { bits: 16, header: 40, masks: [0xf800, 0x07e0, 0x1f], colour: RGB565 },
  'OS/2, 24 bits': { bits: 24, header: 12, colour: RGB },
  '24 bits': { bits: 24, header: 40, colour: RGB },
  '32 bits': { bits: 32, header: 40, colour: RGB },
  '32 bits with alpha': {
    bits: 32,
    header: 108,
    masks: [0xff0000, 0xff00, 0xff, 0xff000000],
    colour: (v) => [...RGB(v), v >>> 24],
  },
};
const entry = (i: number) => [(i * 37) & 255, (i * 91) & 255, (i * 151) & 255];

/** Writes a BMP of pixel values, row by row from the top. */
function bmp({ bits, header, masks = [] }: Kind, values: number[][], topDown: boolean): Buffer {
  const [height, width] = [values.length, (values[0] as number[]).length];
  const core = header === 12;
  const colours = bits <= 8 ? 2 ** bits : 0;
  const outside = header === 40 ? 4 * masks.length : 0;
  const offset = 14 + header + outside + colours * (core ? 3 : 4);
  const stride = Math.ceil((width * bits) / 32) * 4;
  const file = Buffer.alloc(offset + stride * height);
  file.write('BM');
  file.writeUInt32LE(file.length, 2);
  file.writeUInt32LE(offset, 10);
  file.writeUInt32LE(header, 14);
  if (core) file.writeUInt16LE(width, 18) && file.writeUInt16LE(height, 20);
  else file.writeInt32LE(width, 18) && file.writeInt32LE(topDown ? -height : height, 22);
  file.writeUInt16LE(1, core ? 22 : 26);
  file.writeUInt16LE(bits, core ? 24 : 28);
  if (!core && masks.length > 0) file.writeUInt32LE(3, 30);
  for (const [i, mask] of masks.entries()) file.writeUInt32LE(mask, 54 + 4 * i);
  for (let i = 0; i < colours; i++) {
    const [r, g, b] = entry(i) as [number, number, number];
    Buffer.from([b, g, r]).copy(file, 14 + header + outside + i * (core ? 3 : 4));
  }
  for (const [y, row] of values.entries()) {
    const at = offset + stride * (topDown ? y : height - 1 - y);
    for (const [x, value] of row.entries()) {
      if (bits >= 8) file.writeUIntLE(value, at + (x * bits) / 8, bits / 8);
      else {
        const byte = at + Math.floor((x * bits) / 8);
        file[byte] = (file[byte] as number) | (value << (8 - bits - ((x * bits) % 8)));
      }
    }
  }
  return file;
}

describe('BMP', () => {
  for (const [name, kind] of Object.entries(KINDS)) {
    it(`decodes every pixel of ${name}, from the bottom and from the top`, () => {
      const most = 2 ** kind.bits - 1;
      const rows = fc
        .integer({ min: 1, max: 12 })
        .chain((width) =>
          fc.array(fc.array(fc.nat(most), { minLength: width, maxLength: width }), { minLength: 1, maxLength: 6 }),
        );
      fc.assert(
        fc.property(rows, fc.boolean(), (values, down) => {
          const file = bmp(kind, values, down && kind.header !== 12);
          const raster = decodeBmp(file, readBmpHeader(file) as BmpHeader);
          const expected = values.flat().flatMap(kind.colour ?? entry);
          assert.deepEqual([...raster.data], expected);
          assert.equal(raster.channels, expected.length / values.flat().length);
        }),
        { numRuns: 60 },
      );
    });
  }

  it('is judged like other files, with its size and format', async () => {
    const values = Array.from({ length: 40 }, (_, y) =>
      Array.from({ length: 60 }, (_, x) => ((x * 4) << 16) | ((y * 6) << 8)),
    );
    const decoded = await decodeImage(bmp(KINDS['24 bits'] as Kind, values, false), 32, { maxPixels: 1e6 });
    assert.deepEqual([decoded.format, decoded.width, decoded.height], ['bmp', 60, 40]);
    assert.ok((decoded.pixels[0] as number) < (decoded.pixels[31 * 3] as number), 'red grows from left to right');
    await assert.rejects(decodeImage(bmp(KINDS['24 bits'] as Kind, values, false), 32, { maxPixels: 100 }), {
      code: 'image_too_large',
    });
  });

  it('files that are cut off, changed or of another kind are refused, never misread', async () => {
    const file = bmp(
      KINDS['4 bits'] as Kind,
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
      false,
    );
    for (let end = 18; end < file.length; end++) {
      await assert.rejects(decodeImage(file.subarray(0, end), 8, { maxPixels: 1e6 }), { code: 'image_undecodable' });
    }
    const changed = (at: number, value: number) => {
      const copy = Buffer.from(file);
      copy.writeUInt32LE(value, at);
      return copy;
    };
    for (const wrong of [
      changed(18, 0),
      changed(18, 0x7fffffff),
      changed(22, 0),
      changed(10, 0xffffffff),
      changed(46, 2),
      changed(30, 1),
    ]) {
      await assert.rejects(decodeImage(wrong, 8, { maxPixels: 1e6 }), /BMP is not supported|damaged|pixels/);
    }
    fc.assert(
      fc.property(fc.nat(file.length - 5), fc.nat(0xffffffff), (at, value) => {
        const header = readBmpHeader(changed(at, value));
        if (typeof header === 'object') assert.ok(header.offset + header.stride * header.height <= file.length);
      }),
    );
    const text = Buffer.from('BMW and other cars of the 1960s');
    await assert.rejects(decodeImage(text, 8, { maxPixels: 1e6 }), { code: 'unsupported_media_type' });
  });
});
