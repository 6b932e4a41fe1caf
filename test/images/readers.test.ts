import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import sharp from 'sharp';
import { decodeImage } from '../../src/images/decode.ts';
import { readAvifHeader } from '../../src/images/headers/avif.ts';
import { flattenedRows } from '../../src/images/rows.ts';
import { noise, plain, waves } from '../helpers/images.ts';
import { CASES, skip } from '../helpers/paths.ts';
import { samplesOf, tiff } from '../helpers/tiff.ts';

const SIZE = 16;
const limits = { maxPixels: 50_000_000 };
const decode = (bytes: Uint8Array, readings = true) => decodeImage(bytes, SIZE, { ...limits, readings });
const given = (name: string) => readFileSync(join(CASES, name));

/** Mean of each channel. */
const meanOf = (pixels: Uint8Array) =>
  [0, 1, 2].map((c) => pixels.reduce((sum, value, i) => sum + (i % 3 === c ? value : 0), 0) / (pixels.length / 3));

/** Transparent all over, with a colour underneath. */
const clear = (colour: { r: number; g: number; b: number }, alpha = 0) =>
  sharp({ create: { width: 32, height: 32, channels: 4, background: { ...colour, alpha } } });

describe('readers that disagree', () => {
  it('transparency has three readings, one of which shows the colour underneath', async () => {
    for (const bytes of [
      await clear({ r: 200, g: 100, b: 50 }).png().toBuffer(),
      await clear({ r: 200, g: 100, b: 50 })
        .webp({ lossless: true, exact: true } as never)
        .toBuffer(),
    ]) {
      const decoded = await decode(bytes);
      assert.equal(decoded.contested, true);
      assert.deepEqual(meanOf(decoded.pixels), [255, 255, 255]);
      assert.deepEqual(
        decoded.others.map(({ name, pixels }) => [name, meanOf(pixels)]),
        [
          ['ignored', [200, 100, 50]],
          ['on_black', [0, 0, 0]],
        ],
      );
    }
  });

  it('an opaque alpha channel gives no other reading', async () => {
    const decoded = await decode(await clear({ r: 200, g: 100, b: 50 }, 1).png().toBuffer());
    assert.equal(decoded.contested, false);
    assert.deepEqual(meanOf(decoded.pixels), [200, 100, 50]);
  });

  it('other readings are decoded on request only', async () => {
    const decoded = await decode(await clear({ r: 200, g: 100, b: 50 }).png().toBuffer(), false);
    assert.equal(decoded.contested, true);
    assert.deepEqual(decoded.others, []);
  });

  it('an image is composited on a background as by libvips', async () => {
    const { data } = await noise(64, 48).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
    for (let i = 3; i < data.length; i += 4) data[i] = (i * 7) & 255;
    for (const grey of [0, 255]) {
      const theirs = await sharp(data, { raw: { width: 64, height: 48, channels: 4 } })
        .flatten({ background: { r: grey, g: grey, b: grey } })
        .raw()
        .toBuffer();
      assert.deepEqual(Buffer.from(flattenedRows({ data, width: 64, height: 48, channels: 4 }, grey)(0, 48)), theirs);
    }
  });

  it('grey of 16 bits is scaled, and clipped in another reading', async () => {
    const low = tiff(
      SIZE,
      SIZE,
      new Uint8Array(SIZE * SIZE * 2).map((_, i) => (i % 2 === 0 ? 200 : 0)),
      {
        bits: 16,
        photometric: 1,
        samples: 1,
      },
    );
    const decoded = await decode(low);
    assert.deepEqual(meanOf(decoded.pixels), [0, 0, 0]);
    assert.deepEqual(
      decoded.others.map(({ name, pixels }) => [name, meanOf(pixels)]),
      [['clipped', [200, 200, 200]]],
    );
  });

  it('CMYK is converted by its profile, and without it in another reading', async () => {
    const cmyk = await sharp(plain(48, 48, [170, 120, 100]))
      .toColourspace('cmyk')
      .jpeg({ quality: 95 })
      .toBuffer();
    const { contested, others } = await decode(cmyk);
    assert.equal(contested, true);
    assert.deepEqual(
      others.map(({ name }) => name),
      ['plain_ink'],
    );
  });

  it('a fourth sample that is declared not to be alpha is dropped; undeclared, it gives another reading', async () => {
    const pixels = new Uint8Array(SIZE * SIZE * 3).fill(90);
    const data = samplesOf(pixels, { behind: [0] });
    const other = await decode(tiff(SIZE, SIZE, data, { samples: 4, extra: [0] }));
    assert.deepEqual([meanOf(other.pixels), other.contested], [[90, 90, 90], false]);
    const unsaid = await decode(tiff(SIZE, SIZE, data, { samples: 4 }));
    assert.deepEqual(meanOf(unsaid.pixels), [90, 90, 90]);
    assert.deepEqual(
      unsaid.others.map(({ name }) => name),
      ['on_white', 'on_black'],
    );
  });

  it('frames are counted, and the first one is decoded', async () => {
    const frames = Buffer.concat([Buffer.alloc(16 * 16 * 3, 250), Buffer.alloc(16 * 16 * 3, 5)]);
    const raw = { raw: { width: 16, height: 32, channels: 3 as const, pageHeight: 16 } };
    assert.equal((await decode(await sharp(frames, raw).gif().toBuffer())).frames, 2);
    assert.equal((await decode(await sharp(frames, raw).webp({ lossless: true }).toBuffer())).frames, 2);
    assert.equal((await decode(await sharp(frames, raw).tiff().toBuffer())).frames, 2);
    assert.equal((await decode(await noise(20, 20).png().toBuffer())).frames, 1);
  });
});

describe('inputs that failed once', { skip: skip.cases }, () => {
  it('an animated AVIF shows its first picture and reports the number of pictures', async () => {
    const decoded = await decode(given('images/anim.avif'));
    assert.deepEqual([decoded.width, decoded.height, decoded.frames], [300, 198, 3]);
    // Pillow's means of the first picture's middle square, to a level
    const whole = await decodeImage(given('images/anim.avif'), 198, limits);
    const wanted = [191.5, 150, 114.9];
    assert.ok(
      meanOf(whole.pixels).every((v, i) => Math.abs(v - (wanted[i] as number)) < 3),
      String(meanOf(whole.pixels)),
    );
  });

  it('an AVIF whose sequence begins with another picture than its still image is refused', async () => {
    const bytes = Buffer.from(given('images/anim.avif'));
    const at = bytes.indexOf('stco') + 12;
    bytes.writeUInt32BE(bytes.readUInt32BE(at) + 1, at);
    assert.equal(readAvifHeader(bytes)?.consistent, false);
    await assert.rejects(decode(bytes), { code: 'image_undecodable' });
  });

  it('floating-point and YCbCr TIFFs are refused with the reason', async () => {
    await assert.rejects(decode(given('images/float32_gray01.tif')), {
      code: 'image_undecodable',
      message: /floating-point/,
    });
    await assert.rejects(decode(given('images/ycbcr.tif')), { code: 'image_undecodable', message: /YCbCr/ });
  });

  it('RGB with a near-infrared channel is decoded as RGB', async () => {
    const { pixels, contested } = await decodeImage(given('images/rgbnir_zero_es0.tif'), 198, {
      ...limits,
      readings: true,
    });
    assert.equal(contested, false);
    assert.ok(
      meanOf(pixels).some((v) => v < 250),
      'not laid on white',
    );
  });

  it('an AVIF shows the same picture whatever brand is in front, and a brand of HEVC in front is refused', async () => {
    const file = await waves(60, 40, 1).avif().toBuffer();
    const expected = await decode(file);
    for (const brand of ['mif1', 'msf1', 'miaf', 'avis', 'iso8', 'MA1B']) {
      const other = Buffer.from(file);
      other.write(brand, 8, 'latin1');
      assert.deepEqual((await decode(other)).pixels, expected.pixels, brand);
    }
    const heic = Buffer.from(file);
    heic.write('heic', 8, 'latin1');
    await assert.rejects(decode(heic), { code: 'unsupported_media_type', message: /HEIC/ });
  });

  it('AVIF of the brand mif1 and BigTIFF are decoded', async () => {
    assert.deepEqual((await decode(given('service/a-mif1.avif'))).format, 'avif');
    assert.deepEqual((await decode(given('service/b.tiff'))).format, 'tiff');
    await assert.rejects(decode(given('service/h.heic')), { code: 'unsupported_media_type' });
  });
});
