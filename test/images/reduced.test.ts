import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeImage } from '../../src/images/decode.ts';
import { scaleFor } from '../../src/images/reduced.ts';
import { waves } from '../helpers/images.ts';

const SIZE = 32;
const limits = { maxPixels: 50_000_000 };

/** Mean absolute difference of two pictures, in levels. */
const difference = (a: Uint8Array, b: Uint8Array) =>
  a.reduce((sum, value, i) => sum + Math.abs(value - (b[i] as number)), 0) / a.length;

const both = async (bytes: Uint8Array, orientation: 'apply' | 'ignore' = 'apply') => {
  const [exact, fast] = await Promise.all(
    (['exact', 'fast'] as const).map((mode) => decodeImage(bytes, SIZE, { ...limits, mode, orientation })),
  );
  return [exact as NonNullable<typeof exact>, fast as NonNullable<typeof fast>] as const;
};

describe('decoding at a reduced scale', () => {
  it('at least twice the side of the model is left', () => {
    assert.equal(scaleFor(1000, 127, SIZE), undefined);
    assert.equal(scaleFor(1000, 128, SIZE), 2);
    assert.equal(scaleFor(256, 300, SIZE), 4);
    assert.equal(scaleFor(511, 4000, SIZE), 4);
    assert.equal(scaleFor(512, 512, SIZE), 8);
  });

  it('a large photograph comes out nearly as from the exact decoder, whatever its orientation, size and format', async () => {
    for (const [width, height] of [
      [600, 421],
      [421, 600],
    ] as const) {
      for (const format of ['jpeg', 'webp'] as const) {
        for (let orientation = 1; orientation <= 8; orientation++) {
          const image = waves(width, height, 5).withMetadata({ orientation });
          const bytes = await image.toFormat(format, { quality: 95 }).toBuffer();
          for (const how of ['apply', 'ignore'] as const) {
            const [exact, fast] = await both(bytes, how);
            const off = difference(exact.pixels, fast.pixels);
            assert.ok(off < 4, `${format} ${width} x ${height}, orientation ${orientation}, ${how}: ${off}`);
            assert.deepEqual([fast.width, fast.height], [width, height]);
          }
        }
      }
    }
  });

  it('a picture that is turned wrongly is seen by that comparison', async () => {
    const bytes = await waves(600, 421, 5).withMetadata({ orientation: 6 }).jpeg().toBuffer();
    const [exact] = await both(bytes, 'apply');
    const [, stored] = await both(bytes, 'ignore');
    assert.ok(difference(exact.pixels, stored.pixels) > 8);
  });

  it('small images, inks and transparency are decoded exactly', async () => {
    const images = [
      await waves(127, 400, 1).jpeg().toBuffer(),
      await waves(400, 400, 2).toColourspace('cmyk').jpeg().toBuffer(),
      await waves(400, 400, 3).ensureAlpha(0.5).webp().toBuffer(),
      await waves(400, 400, 4).png().toBuffer(),
    ];
    for (const bytes of images) {
      const [exact, fast] = await both(bytes);
      assert.deepEqual(fast, exact);
    }
  });

  it('a large grey JPEG stays grey', async () => {
    const [exact, fast] = await both(await waves(600, 421, 6).greyscale().jpeg().toBuffer());
    assert.ok(difference(exact.pixels, fast.pixels) < 4);
  });

  it('a large JPEG that is truncated is refused', async () => {
    const bytes = await waves(600, 421, 7).jpeg().toBuffer();
    await assert.rejects(both(bytes.subarray(0, bytes.length >> 1)), { code: 'image_undecodable' });
  });
});
