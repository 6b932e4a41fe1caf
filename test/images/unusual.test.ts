import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { crc32 } from 'node:zlib';
import sharp from 'sharp';
import { ServiceError } from '../../src/errors/index.ts';
import { decodeImage } from '../../src/images/decode.ts';
import { noise, plain, waves } from '../helpers/images.ts';

const limits = { maxPixels: 50_000_000 };
const SIZE = 16;

async function centreOf(bytes: Uint8Array): Promise<number[]> {
  const { pixels } = await decodeImage(bytes, SIZE, limits);
  assert.equal(pixels.length, SIZE * SIZE * 3);
  const at = ((SIZE / 2) * SIZE + SIZE / 2) * 3;
  return [...pixels.subarray(at, at + 3)];
}

const near = (got: number[], want: number[], by = 3) =>
  assert.ok(
    got.every((v, i) => Math.abs(v - (want[i] as number)) <= by),
    `${got} instead of ${want}`,
  );

async function fails(bytes: Uint8Array, code: string): Promise<ServiceError> {
  const error = await decodeImage(bytes, SIZE, limits).then(
    () => assert.fail(`${code} was expected`),
    (e: unknown) => e,
  );
  assert.ok(error instanceof ServiceError, String(error));
  assert.equal(error.code, code);
  return error;
}

describe('unusual images are judged as viewers show them', () => {
  it('greyscale becomes the same grey in three channels', async () => {
    near(
      await centreOf(
        await sharp(plain(40, 30, [90, 90, 90]))
          .toColourspace('b-w')
          .png()
          .toBuffer(),
      ),
      [90, 90, 90],
      0,
    );
  });

  it('16 bits are scaled and not clipped, in colour and in grey', async () => {
    const grey = await sharp(plain(40, 40, [100, 100, 100]))
      .toColourspace('grey16')
      .png()
      .toBuffer();
    assert.equal((await sharp(grey).metadata()).depth, 'ushort');
    near(await centreOf(grey), [100, 100, 100], 1);
    const colour = await sharp(plain(40, 40, [200, 100, 50]))
      .toColourspace('rgb16')
      .png()
      .toBuffer();
    assert.equal((await sharp(colour).metadata()).depth, 'ushort');
    near(await centreOf(colour), [200, 100, 50], 1);
  });

  it('a palette image is decoded to its colours', async () => {
    const palette = await sharp(plain(64, 64, [10, 200, 60]))
      .png({ palette: true })
      .toBuffer();
    near(await centreOf(palette), [10, 200, 60], 8);
  });

  it('transparency is composited on white', async () => {
    const clear = { width: 32, height: 32, channels: 4 as const, background: { r: 255, g: 0, b: 0, alpha: 0 } };
    near(await centreOf(await sharp({ create: clear }).png().toBuffer()), [255, 255, 255], 0);
    const half = { ...clear, background: { r: 0, g: 0, b: 0, alpha: 0.5 } };
    near(await centreOf(await sharp({ create: half }).png().toBuffer()), [128, 128, 128], 2);
    near(await centreOf(await sharp({ create: clear }).webp({ lossless: true }).toBuffer()), [255, 255, 255], 0);
  });

  it('CMYK is decoded to the printed colours', async () => {
    const cmyk = await sharp(plain(48, 48, [170, 120, 100]))
      .toColourspace('cmyk')
      .jpeg({ quality: 95 })
      .toBuffer();
    assert.equal((await sharp(cmyk).metadata()).space, 'cmyk');
    near(await centreOf(cmyk), [170, 120, 100], 8);
  });

  it('EXIF orientation is ignored where that is asked for, as in the reference', async () => {
    const left = await sharp({ create: { width: 40, height: 20, channels: 3, background: '#000' } })
      .composite([
        {
          input: await sharp(plain(20, 20, [255, 255, 255]))
            .png()
            .toBuffer(),
          left: 0,
          top: 0,
        },
      ])
      .withMetadata({ orientation: 6 })
      .jpeg({ quality: 100 })
      .toBuffer();
    const { width, height, pixels } = await decodeImage(left, 20, { ...limits, orientation: 'ignore' });
    assert.deepEqual([width, height], [40, 20]);
    assert.ok((pixels[(10 * 20 + 2) * 3] as number) > 200, 'white stays on the left');
    assert.ok((pixels[(10 * 20 + 17) * 3] as number) < 50, 'black stays on the right');
  });

  it('an image is judged as it is shown: each of the eight orientations, in every format that has them', async () => {
    const stored = await waves(60, 40, 3).png().toBuffer();
    const turned = (angle: number) => sharp(stored).rotate(angle).png().toBuffer();
    const mirrored = async (image: Buffer) => sharp(image).flop().png().toBuffer();
    const shown = {
      1: stored,
      2: await mirrored(stored),
      3: await turned(180),
      4: await mirrored(await turned(180)),
      5: await mirrored(await turned(90)),
      6: await turned(90),
      7: await mirrored(await turned(270)),
      8: await turned(270),
    };
    for (const [tag, upright] of Object.entries(shown)) {
      const orientation = Number(tag);
      const { pixels: wanted } = await decodeImage(upright, 20, limits);
      for (const format of ['png', 'webp', 'jpeg'] as const) {
        const tagged = await sharp(stored)
          .withMetadata({ orientation })
          .toFormat(format, { lossless: true, quality: 100 })
          .toBuffer();
        const { pixels, width, height } = await decodeImage(tagged, 20, limits);
        assert.deepEqual([width, height], [60, 40], 'as stored');
        const most = Math.max(...pixels.map((p, i) => Math.abs(p - (wanted[i] as number))));
        assert.ok(most <= (format === 'jpeg' ? 12 : 0), `${format}, orientation ${tag}: ${most}`);
      }
    }
  });

  it('the first frame of an animation is decoded', async () => {
    const frames = Buffer.concat([Buffer.alloc(16 * 16 * 3, 250), Buffer.alloc(16 * 16 * 3, 5)]);
    const raw = { raw: { width: 16, height: 32, channels: 3 as const, pageHeight: 16 } };
    for (const animated of [
      await sharp(frames, raw).gif().toBuffer(),
      await sharp(frames, raw).webp({ lossless: true }).toBuffer(),
    ]) {
      assert.equal((await sharp(animated, { animated: true }).metadata()).pages, 2);
      near(await centreOf(animated), [250, 250, 250], 4);
    }
  });

  it('an image of one pixel fills the square', async () => {
    near(
      await centreOf(
        await sharp(plain(1, 1, [7, 77, 177]))
          .png()
          .toBuffer(),
      ),
      [7, 77, 177],
      0,
    );
  });

  it('images of extreme proportions are decoded', async () => {
    near(
      await centreOf(
        await sharp(plain(3000, 2, [50, 60, 70]))
          .png()
          .toBuffer(),
      ),
      [50, 60, 70],
      0,
    );
    near(
      await centreOf(
        await sharp(plain(2, 3000, [50, 60, 70]))
          .png()
          .toBuffer(),
      ),
      [50, 60, 70],
      0,
    );
  });

  it('AVIF and TIFF are decoded', async () => {
    near(
      await centreOf(
        await sharp(plain(64, 64, [120, 80, 40]))
          .avif({ quality: 90 })
          .toBuffer(),
      ),
      [120, 80, 40],
      6,
    );
    near(
      await centreOf(
        await sharp(plain(64, 64, [120, 80, 40]))
          .tiff({ compression: 'lzw' })
          .toBuffer(),
      ),
      [120, 80, 40],
      0,
    );
  });
});

describe('files that are not images, or are truncated', () => {
  it('an empty file is refused', async () => {
    await fails(new Uint8Array(0), 'no_image');
  });

  it('text, HTML, SVG, PDF, zeros and a lone signature are refused', async () => {
    const others = [
      'hello',
      '<html></html>',
      '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
      '%PDF-1.7\n',
      '\0'.repeat(100),
    ];
    for (const text of others) await fails(Buffer.from(text), 'unsupported_media_type');
    await fails(Buffer.from([0xff, 0xd8, 0xff]), 'image_undecodable');
    await fails(Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), 'image_undecodable');
  });

  it('a truncated image is refused, at any length', async () => {
    const whole = {
      jpeg: await noise(120, 90).jpeg().toBuffer(),
      png: await noise(120, 90).png().toBuffer(),
      webp: await noise(120, 90).webp().toBuffer(),
    };
    for (const bytes of Object.values(whole)) {
      for (const share of [0.05, 0.3, 0.6, 0.9])
        await fails(bytes.subarray(0, Math.floor(bytes.length * share)), 'image_undecodable');
    }
  });

  it('noise after a valid signature is refused', async () => {
    for (const head of ['\xff\xd8\xff\xe0', '\x89PNG\r\n\x1a\n', 'RIFF\x10\0\0\0WEBPVP8 ', 'GIF89a']) {
      const junk = Buffer.concat([
        Buffer.from(head, 'latin1'),
        Buffer.from(Array.from({ length: 500 }, (_, i) => (i * 97) % 256)),
      ]);
      const error = await decodeImage(junk, SIZE, limits).catch((e: unknown) => e);
      assert.ok(
        error instanceof ServiceError && ['image_undecodable', 'image_too_large'].includes(error.code),
        String(error),
      );
    }
  });

  it('enormous dimensions are refused by the header, before decoding', async () => {
    const bytes = Buffer.from(
      await sharp(plain(8, 8, [0, 0, 0]))
        .png()
        .toBuffer(),
    );
    bytes.writeUInt32BE(60_000, 16);
    bytes.writeUInt32BE(60_000, 20);
    bytes.writeUInt32BE(crc32(bytes.subarray(12, 29)), 29);
    const before = process.memoryUsage().rss;
    const error = await fails(bytes, 'image_too_large');
    assert.match(error.message, /60000 x 60000/);
    assert.ok(process.memoryUsage().rss - before < 200e6);
  });

  it('the largest number of pixels is a setting', async () => {
    const bytes = await sharp(plain(100, 100, [0, 0, 0]))
      .png()
      .toBuffer();
    await assert.rejects(decodeImage(bytes, SIZE, { maxPixels: 9_999 }), { code: 'image_too_large' });
    await decodeImage(bytes, SIZE, { maxPixels: 10_000 });
  });
});
