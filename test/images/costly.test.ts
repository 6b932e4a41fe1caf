import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import sharp from 'sharp';
import { decodeImage } from '../../src/images/decode.ts';
import { readAvifHeader } from '../../src/images/headers/avif.ts';
import { readTiffHeader } from '../../src/images/headers/tiff.ts';
import { countScans } from '../../src/images/jpeg-scans.ts';
import { chunk, pngOf, scanned } from '../helpers/costly-images.ts';
import { noise, plain } from '../helpers/images.ts';
import { CASES, skip } from '../helpers/paths.ts';
import { samplesOf, tiff } from '../helpers/tiff.ts';

const limits = { maxPixels: 50_000_000 };
const decode = (bytes: Uint8Array) => decodeImage(bytes, 16, limits);

describe('an image that costs far more than others of its size is refused before it is decoded', () => {
  it('a JPEG of a hundred scans, and a large one of thirty, are refused before decoding', async () => {
    await assert.rejects(decode(await scanned(64, 64, 100)), { code: 'image_undecodable', message: /scans/ });
    const large = await sharp(plain(6000, 6000, [9, 9, 9]))
      .jpeg({ progressive: true })
      .toBuffer();
    const last = large.lastIndexOf(Buffer.from([0xff, 0xda]));
    const thirty = Buffer.concat([
      large.subarray(0, -2),
      ...Array<Buffer>(20).fill(large.subarray(last, -2)),
      large.subarray(-2),
    ]);
    await assert.rejects(decode(thirty), { code: 'image_undecodable', message: /scans/ });
  });

  it('progressive JPEGs of ordinary encoders are decoded', async () => {
    for (const options of [{ progressive: true }, { mozjpeg: true }]) {
      const jpeg = await noise(200, 150).jpeg(options).toBuffer();
      assert.ok(countScans(jpeg, 100) > 1);
      await decode(jpeg);
    }
  });

  it('scans of a JPEG are counted at any position, in any bytes', async () => {
    const jpeg = await noise(64, 64).jpeg({ progressive: true }).toBuffer();
    const scans = countScans(jpeg, 100);
    assert.equal(countScans(await scanned(64, 64, 5), 100), scans + 5);
    assert.equal(countScans(jpeg, 3), 3);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (junk) => countScans(junk, 50) <= 50),
      { numRuns: 500 },
    );
  });

  it('an image one pixel wide and millions high is refused before decoding', async () => {
    const bytes = pngOf(1, 200_000, deflateSync(Buffer.alloc(4 * 200_000)));
    await assert.rejects(decode(bytes), { code: 'image_too_large' });
  });

  it('compressed text and profiles of a hundred megabytes in a PNG do not take that much memory', async () => {
    const bomb = deflateSync(Buffer.alloc(100e6));
    const row = Buffer.alloc(16 * 49);
    for (const extra of [
      chunk('zTXt', Buffer.concat([Buffer.from('a\0\0'), bomb])),
      chunk('iCCP', Buffer.concat([Buffer.from('a\0\0'), bomb])),
    ]) {
      const before = process.memoryUsage.rss();
      await decode(pngOf(16, 16, deflateSync(row), extra));
      assert.ok(process.memoryUsage.rss() - before < 60e6);
    }
  });

  it('TIFF tiles larger than any image, and endless directories, are refused', async () => {
    const data = samplesOf(new Uint8Array(16 * 16 * 3), {});
    const tiles = tiff(16, 16, data, {
      more: [
        [322, 4, 65_536],
        [323, 4, 65_536],
      ],
    });
    await assert.rejects(decode(tiles), { code: 'image_undecodable', message: /tiles/ });
    const circle = tiff(16, 16, data);
    const directory = circle.readUInt32LE(4);
    const entries = circle.readUInt16LE(directory);
    circle.writeUInt32LE(directory, directory + 2 + 12 * entries);
    await assert.rejects(decode(circle), { code: 'image_undecodable' });
  });

  it('header readers never throw, for any truncation or change of a file', { skip: skip.cases }, async () => {
    const { readFileSync } = await import('node:fs');
    const avif = readFileSync(`${CASES}/images/anim.avif`).subarray(0, 1100);
    const tif = tiff(4, 4, samplesOf(new Uint8Array(48), { behind: [0] }), { samples: 4, extra: [2] });
    for (const [bytes, read] of [
      [avif, readAvifHeader],
      [tif, readTiffHeader],
    ] as const) {
      fc.assert(
        fc.property(fc.nat(bytes.length - 1), fc.nat(255), fc.nat(bytes.length), (at, value, end) => {
          const changed = Buffer.from(bytes);
          changed[at] = value;
          read(changed);
          read(changed.subarray(0, end));
        }),
        { numRuns: 500 },
      );
    }
  });
});
