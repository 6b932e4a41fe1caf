import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import sharp from 'sharp';
import { decodeImage } from '../../src/images/decode.ts';
import { PYTHON, photographs, ROOT, skip } from '../helpers/paths.ts';

const FIXTURES = join(ROOT, 'test/images/fixtures');
// the reference reads an image as it is stored
const limits = { orientation: 'ignore' as const, maxPixels: 50_000_000 };

/** Largest, mean and share beyond 3 of the absolute differences in grey levels. */
function difference(a: Uint8Array, b: Uint8Array) {
  assert.equal(a.length, b.length);
  let sum = 0;
  let far = 0;
  let largest = 0;
  for (const [i, value] of a.entries()) {
    const d = Math.abs(value - (b[i] as number));
    sum += d;
    largest = Math.max(largest, d);
    if (d > 3) far++;
  }
  return { mean: sum / a.length, within3: 1 - far / a.length, largest };
}

function assertSame(name: string, ours: Uint8Array, reference: Uint8Array) {
  const { mean, within3, largest } = difference(ours, reference);
  assert.ok(mean <= 0.5, `${name}: mean absolute difference ${mean}`);
  assert.ok(within3 >= 0.99, `${name}: ${100 * within3} % of pixels within 3, largest difference ${largest}`);
}

describe('image transform against Pillow and torchvision', () => {
  const expected: Record<string, Record<string, string>> = JSON.parse(
    readFileSync(join(FIXTURES, 'expected.json'), 'utf8'),
  );

  for (const [name, sizes] of Object.entries(expected)) {
    it(`the transform agrees with Pillow and torchvision on the made image ${name}`, async () => {
      const bytes = await readFile(join(FIXTURES, name));
      for (const [size, data] of Object.entries(sizes)) {
        const { pixels } = await decodeImage(bytes, Number(size), limits);
        assertSame(`${name} at ${size}`, pixels, Buffer.from(data, 'base64'));
      }
    });
  }

  it('lossless images and JPEGs are transformed bit for bit as by Pillow', async () => {
    for (const name of Object.keys(expected).filter((n) => /\.(png|jpg)$/.test(n) || n.includes('lossless'))) {
      const bytes = await readFile(join(FIXTURES, name));
      for (const [size, data] of Object.entries(expected[name] ?? {})) {
        const { pixels } = await decodeImage(bytes, Number(size), limits);
        assert.equal(difference(pixels, Buffer.from(data, 'base64')).largest, 0, `${name} at ${size}`);
      }
    }
  });

  it('a photograph saved again as PNG has the same pixels', async () => {
    const names = (await readdir(join(ROOT, 'samples'))).filter((name) => name.endsWith('.jpg'));
    assert.ok(names.length >= 6);
    for (const name of names) {
      const bytes = await readFile(join(ROOT, 'samples', name));
      const png = await sharp(bytes).png().toBuffer();
      const [before, after] = [await decodeImage(bytes, 224, limits), await decodeImage(png, 224, limits)];
      assert.deepEqual([before.format, after.format], ['jpeg', 'png']);
      assert.deepEqual(after.pixels, before.pixels, name);
    }
  });

  it('the comparison with Pillow detects a shift by one pixel', async () => {
    const size = 48;
    const { pixels } = await decodeImage(await readFile(join(FIXTURES, 'rgb-down.png')), size, limits);
    const shifted = new Uint8Array(pixels.length);
    shifted.set(pixels.subarray(3));
    assert.throws(() => assertSame('shifted', shifted, pixels));
  });

  describe('photographs', { skip: skip.both }, () => {
    const out = mkdtempSync(join(tmpdir(), 'clipn-gate-test-'));
    after(() => rm(out, { recursive: true }));
    before(() => {
      const run = spawnSync(
        PYTHON as string,
        ['-m', 'clipn_models.transform', '--size', '64', '224', '--out', out, ...photographs],
        {
          cwd: join(ROOT, 'models'),
          encoding: 'utf8',
        },
      );
      assert.equal(run.status, 0, run.stderr);
    });

    for (const size of [64, 224]) {
      it(`the transform agrees on ${photographs.length} photographs at ${size} pixels`, async () => {
        for (const [i, file] of photographs.entries()) {
          const { pixels } = await decodeImage(await readFile(file), size, limits);
          assertSame(file, pixels, await readFile(join(out, `${i}-${size}.bin`)));
        }
      });
    }
  });
});
