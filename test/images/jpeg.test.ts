import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import sharp, { type JpegOptions } from 'sharp';
import { decodeImage } from '../../src/images/decode.ts';
import { plainJpeg, reduceJpeg } from '../../src/images/jpeg.ts';
import { readJpegHeader } from '../../src/images/jpeg-header.ts';
import { centreRegion } from '../../src/images/region.ts';
import { resample } from '../../src/images/resample.ts';
import { noise, plain, waves } from '../helpers/images.ts';
import { photographs, skip } from '../helpers/paths.ts';

const limits = { maxPixels: 50_000_000, fast: true };

/** The long way: everything decoded by libjpeg, resampled bit for bit as the reference does it. */
async function long(bytes: Buffer, size: number): Promise<Uint8Array> {
  const { data, info } = await sharp(bytes, { ignoreIcc: true })
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  const rgb = info.channels === 3 ? data : Buffer.from([...data].flatMap((grey) => [grey, grey, grey]));
  return resample(rgb, info.width, info.height, centreRegion(info.width, info.height, size));
}

async function short(bytes: Buffer, size: number): Promise<Uint8Array> {
  const header = plainJpeg(bytes);
  assert.ok(header, 'a plain JPEG');
  return reduceJpeg(bytes, header, centreRegion(header.width, header.height, size));
}

function assertNear(name: string, ours: Uint8Array, reference: Uint8Array) {
  assert.equal(ours.length, reference.length);
  const differences = ours.map((value, i) => Math.abs(value - (reference[i] as number)));
  const mean = differences.reduce((sum, d) => sum + d, 0) / ours.length;
  const far = differences.filter((d) => d > 3).length / ours.length;
  assert.ok(mean <= 0.5, `${name}: mean difference ${mean}`);
  assert.ok(far <= 0.01, `${name}: ${100 * far} % of values differ by more than 3`);
}

/** A picture with edges and fine structure: waves with noise of a coarser grid on top. */
async function picture(width: number, height: number, options: JpegOptions = {}): Promise<Buffer> {
  const grain = await noise(Math.ceil(width / 6), Math.ceil(height / 6), width)
    .resize(width, height, { kernel: 'nearest' })
    .ensureAlpha(0.3)
    .png()
    .toBuffer();
  const base = await waves(width, height, 9).png().toBuffer();
  return sharp(base)
    .composite([{ input: grain }])
    .removeAlpha()
    .jpeg({ quality: 88, ...options })
    .toBuffer();
}

describe('the short way for JPEGs stays within the parity bound', () => {
  const kinds: Record<string, JpegOptions> = {
    'baseline 4:2:0': {},
    'baseline 4:4:4': { chromaSubsampling: '4:4:4' },
    progressive: { progressive: true },
    'low quality': { quality: 40 },
  };
  for (const [kind, options] of Object.entries(kinds)) {
    it(kind, async () => {
      for (const [width, height] of [
        [300, 200],
        [201, 333],
        [500, 375],
      ] as const) {
        const bytes = await picture(width, height, options);
        assertNear(`${width} x ${height}`, await short(bytes, 64), await long(bytes, 64));
      }
    });
  }

  it('large, with sizes that scaled decoding divides and sizes that it does not', async () => {
    for (const [width, height] of [
      [1600, 1200],
      [1203, 1999],
      [2400, 680],
    ] as const) {
      const bytes = await picture(width, height);
      assertNear(`${width} x ${height}`, await short(bytes, 32), await long(bytes, 32));
    }
  });

  it('grey', async () => {
    const bytes = await sharp(await picture(300, 200))
      .toColourspace('b-w')
      .jpeg()
      .toBuffer();
    assert.equal((await sharp(bytes).metadata()).channels, 1);
    assertNear('grey', await short(bytes, 64), await long(bytes, 64));
  });

  it('of the size that the model takes: nothing is resampled', async () => {
    for (const size of [64, 224]) {
      const bytes = await picture(size, size);
      const { pixels } = await decodeImage(bytes, size, limits);
      assert.deepEqual(pixels, await short(bytes, size));
      assertNear(`${size}`, pixels, await long(bytes, size));
    }
  });

  it('photographs', { skip: skip.photographs }, async () => {
    for (const file of photographs.filter((_, i) => i % 5 === 0)) {
      const bytes = await readFile(file);
      assertNear(file, await short(bytes, 64), await long(bytes, 64));
    }
  });
});

describe('what goes the long way', () => {
  it('CMYK, RGB by an Adobe mark, and what is cut short', async () => {
    const cmyk = await sharp(plain(48, 48, [170, 120, 100]))
      .toColourspace('cmyk')
      .jpeg()
      .toBuffer();
    assert.equal(readJpegHeader(cmyk)?.plain, false);
    assert.equal(plainJpeg(cmyk), undefined);

    const ycc = await sharp(plain(96, 96, [200, 60, 30]))
      .jpeg()
      .toBuffer();
    assert.ok(plainJpeg(ycc));
    // "Adobe", version, flags, transform 0: the three components are red, green and blue
    const mark = Buffer.from([0xff, 0xee, 0, 14, 0x41, 0x64, 0x6f, 0x62, 0x65, 0, 100, 0, 0, 0, 0, 0]);
    assert.equal(plainJpeg(Buffer.concat([ycc.subarray(0, 2), mark, ycc.subarray(2)])), undefined);
    for (const cut of [2, 10, ycc.length / 2]) assert.equal(plainJpeg(ycc.subarray(0, ycc.length - cut)), undefined);
  });

  it('a file with two frame headers, one small and one enormous, is not believed', async () => {
    const bytes = await sharp(plain(96, 96, [200, 60, 30]))
      .jpeg()
      .toBuffer();
    const at = bytes.indexOf(Buffer.from([0xff, 0xc0]));
    const second = Buffer.from(bytes.subarray(at, at + 2 + bytes.readUInt16BE(at + 2)));
    second.writeUInt16BE(65_000, 5);
    second.writeUInt16BE(65_000, 7);
    const two = Buffer.concat([bytes.subarray(0, at), second, bytes.subarray(at)]);
    assert.equal(readJpegHeader(two), undefined);
    await assert.rejects(decodeImage(two, 64, limits), { name: 'ServiceError' });
  });

  it('a JPEG that is hardly reduced comes out bit for bit', async () => {
    const bytes = await picture(90, 80);
    const { pixels } = await decodeImage(bytes, 64, limits);
    assert.deepEqual(pixels, await long(bytes, 64));
  });

  it('a header that claims more pixels than are allowed is refused before anything is decoded', async () => {
    const bytes = Buffer.from(await picture(300, 200));
    const at = bytes.indexOf(Buffer.from([0xff, 0xc0]));
    bytes.writeUInt16BE(60_000, at + 5);
    bytes.writeUInt16BE(60_000, at + 7);
    await assert.rejects(decodeImage(bytes, 64, limits), { code: 'image_too_large' });
  });
});

describe('the header of a JPEG', () => {
  it('size, whatever stands in front of it', async () => {
    const bytes = await sharp(await picture(301, 203))
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer();
    assert.deepEqual(readJpegHeader(bytes), { width: 301, height: 203, plain: true });
  });

  it('never fails, wherever the file ends or whatever is changed', async () => {
    const bytes = await picture(40, 30);
    for (let length = 0; length < 700; length++) readJpegHeader(bytes.subarray(0, length));
    for (let at = 2; at < 700; at++) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] as number) ^ 0xff;
      readJpegHeader(changed);
    }
  });
});
