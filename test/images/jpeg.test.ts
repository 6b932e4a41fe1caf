import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import sharp from 'sharp';
import { decodeImage } from '../../src/images/decode.ts';
import { readJpegHeader } from '../../src/images/headers/jpeg.ts';
import { centreRegion } from '../../src/images/region.ts';
import { noise, plain, waves } from '../helpers/images.ts';
import { photographs, skip } from '../helpers/paths.ts';
import { plainResample } from '../helpers/plain-resample.ts';

const limits = { maxPixels: 50_000_000 };
const picture = (width: number, height: number) => waves(width, height, 9).jpeg({ quality: 88 }).toBuffer();

/** Where the marker of the (baseline) frame stands. */
const frameOf = (jpeg: Buffer) => jpeg.indexOf(Buffer.from([0xff, 0xc0]));

describe('JPEGs', () => {
  it('JPEGs are decoded as by sharp with its defaults and the plain resampling', {
    skip: skip.photographs,
  }, async () => {
    for (const file of photographs.filter((_, i) => i % 5 === 0)) {
      const bytes = await readFile(file);
      const { data, info } = await sharp(bytes, { ignoreIcc: true }).raw().toBuffer({ resolveWithObject: true });
      if (info.channels !== 3) continue;
      const expected = plainResample(data, info.width, info.height, centreRegion(info.width, info.height, 64));
      assert.deepEqual((await decodeImage(bytes, 64, limits)).pixels, expected, file);
    }
  });

  it('a JPEG with two frame headers, one small and one enormous, is refused', async () => {
    const bytes = await sharp(plain(96, 96, [200, 60, 30]))
      .jpeg()
      .toBuffer();
    const at = frameOf(bytes);
    const second = Buffer.from(bytes.subarray(at, at + 2 + bytes.readUInt16BE(at + 2)));
    second.writeUInt16BE(65_000, 5);
    second.writeUInt16BE(65_000, 7);
    const two = Buffer.concat([bytes.subarray(0, at), second, bytes.subarray(at)]);
    assert.equal(readJpegHeader(two), undefined);
    await assert.rejects(decodeImage(two, 64, limits), { name: 'ServiceError' });
  });

  it('a JPEG whose header declares too many pixels is refused before decoding', async () => {
    const bytes = await picture(300, 200);
    const at = frameOf(bytes);
    bytes.writeUInt16BE(60_000, at + 5);
    bytes.writeUInt16BE(60_000, at + 7);
    await assert.rejects(decodeImage(bytes, 64, limits), { code: 'image_too_large' });
  });
});

describe('the header of a JPEG', () => {
  it('the header of a JPEG gives size, components and presence of Exif data, after any other segments', async () => {
    const colour = waves(301, 203, 9);
    const turned = await colour.clone().withMetadata({ orientation: 6 }).jpeg({ progressive: true }).toBuffer();
    assert.deepEqual(readJpegHeader(turned), { width: 301, height: 203, components: 3, exif: true });
    const grey = await colour.clone().toColourspace('b-w').jpeg().toBuffer();
    assert.deepEqual(readJpegHeader(grey), { width: 301, height: 203, components: 1, exif: false });
    const inks = await colour.clone().toColourspace('cmyk').jpeg().toBuffer();
    assert.deepEqual(readJpegHeader(inks), { width: 301, height: 203, components: 4, exif: false });
  });

  it('the reader of JPEG headers never throws, for any truncation or change', async () => {
    const bytes = await noise(40, 30).jpeg().toBuffer();
    for (let length = 0; length < 700; length++) readJpegHeader(bytes.subarray(0, length));
    for (let at = 2; at < 700; at++) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] as number) ^ 0xff;
      readJpegHeader(changed);
    }
  });
});
