import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ServiceError } from '../../src/errors/index.ts';
import { decodeImage } from '../../src/images/decode.ts';
import { PYTHON, skip, temporaryDirectory } from '../helpers/paths.ts';
import { samplesOf, type TiffOptions, tiff } from '../helpers/tiff.ts';

const SIDE = 24;
const PIXELS = Uint8Array.from({ length: SIDE * SIDE * 3 }, (_, i) => (i * 37 + ((i * i) >> 3)) & 255);

const KINDS: Record<
  string,
  {
    bytes: number;
    bits: number;
    sampleFormat: number;
    put: (v: DataView, at: number, x: number, little: boolean) => void;
  }
> = {
  uint8: { bytes: 1, bits: 8, sampleFormat: 1, put: (v, at, x) => v.setUint8(at, x) },
  int8: { bytes: 1, bits: 8, sampleFormat: 2, put: (v, at, x) => v.setInt8(at, x - 128) },
  uint16: { bytes: 2, bits: 16, sampleFormat: 1, put: (v, at, x, little) => v.setUint16(at, x * 257, little) },
  narrow16: { bytes: 2, bits: 16, sampleFormat: 1, put: (v, at, x, little) => v.setUint16(at, x, little) },
  int16: { bytes: 2, bits: 16, sampleFormat: 2, put: (v, at, x, little) => v.setInt16(at, x * 128, little) },
  uint32: { bytes: 4, bits: 32, sampleFormat: 1, put: (v, at, x, little) => v.setUint32(at, x * 16843009, little) },
  int32: { bytes: 4, bits: 32, sampleFormat: 2, put: (v, at, x, little) => v.setInt32(at, x, little) },
  float32: { bytes: 4, bits: 32, sampleFormat: 3, put: (v, at, x, little) => v.setFloat32(at, x / 255, little) },
  float32of255: { bytes: 4, bits: 32, sampleFormat: 3, put: (v, at, x, little) => v.setFloat32(at, x, little) },
  float64: { bytes: 8, bits: 64, sampleFormat: 3, put: (v, at, x, little) => v.setFloat64(at, x / 255, little) },
};

/** Every number type, byte order, layout, photometric interpretation and set of extra samples. */
function* matrix(): Generator<{ name: string; file: Buffer }> {
  for (const [kind, { bytes, bits, sampleFormat, put }] of Object.entries(KINDS)) {
    for (const motorola of [false, true]) {
      for (const photometric of [0, 1, 2, 5, 6, 8, 9, 32844]) {
        const take = photometric < 2 ? 1 : 3;
        for (const behind of [[], [0], [90], [90, 120]]) {
          for (const extra of [undefined, ...[0, 1, 2].map((first) => behind.map((_, i) => (i === 0 ? first : 0)))]) {
            if (extra?.length === 0) continue;
            for (const planar of [false, true]) {
              const data = samplesOf(PIXELS, {
                take,
                behind,
                bytes,
                planar,
                put: (v, at, x) => put(v, at, x, !motorola),
              });
              const options: TiffOptions = {
                motorola,
                bits,
                photometric,
                samples: take + behind.length,
                sampleFormat,
                planar,
              };
              const file = tiff(SIDE, SIDE, data, { ...options, ...(extra ? { extra } : {}) });
              yield {
                name: `${kind}-${motorola ? 'mm' : 'ii'}-p${photometric}-x${behind.join('.')}-e${extra?.join('.') ?? 'no'}-${planar ? 'planar' : 'chunky'}`,
                file,
              };
            }
          }
        }
      }
    }
  }
  const rgb = samplesOf(PIXELS, {});
  for (let orientation = 1; orientation <= 8; orientation++) {
    yield { name: `orientation-${orientation}`, file: tiff(SIDE, SIDE, rgb, { orientation }) };
  }
  for (const [tag, value] of [
    [266, 2],
    [281, 100],
    [341, 100],
    [332, 2],
  ] as const) {
    yield { name: `tag-${tag}-${value}`, file: tiff(SIDE, SIDE, rgb, { more: [[tag, 3, value]] }) };
  }
  yield { name: 'twice', file: tiff(SIDE, SIDE, rgb, { more: [[262, 3, 6]] }) };
}

const PILLOW = `
import os, sys
import numpy as np
from PIL import Image
for name in sorted(os.listdir(sys.argv[1])):
    try:
        pixels = np.asarray(Image.open(os.path.join(sys.argv[1], name)).convert("RGB"))
    except Exception:
        continue
    pixels.tofile(os.path.join(sys.argv[2], name))
`;

describe('TIFF', () => {
  it('every kind of TIFF is decoded as by Pillow, in one of its readings, or is refused', {
    skip: skip.python,
  }, async (t) => {
    const dir = await temporaryDirectory(t);
    const [files, shown] = [join(dir, 'files'), join(dir, 'shown')];
    for (const path of [files, shown]) mkdirSync(path);
    const all = [...matrix()];
    for (const { name, file } of all) writeFileSync(join(files, name), file);
    execFileSync(PYTHON as string, ['-W', 'ignore', '-c', PILLOW, files, shown], {
      stdio: ['ignore', 'ignore', 'ignore'],
    });
    let [same, unseen] = [0, 0];
    const others: string[] = [];
    for (const { name, file } of all) {
      const decoded = await decodeImage(file, SIDE, { maxPixels: 1e6, readings: true }).catch((error: unknown) => {
        assert.ok(error instanceof ServiceError && error.code === 'image_undecodable', `${name}: ${error}`);
      });
      if (!decoded) continue;
      let pillow: Buffer;
      try {
        pillow = readFileSync(join(shown, name));
      } catch {
        // nothing behind the gate that reads with Pillow sees anything either
        unseen++;
        continue;
      }
      const readings = [decoded.pixels, ...decoded.others.map(({ pixels }) => pixels)];
      const worst = readings.map((pixels) => Math.max(...pixels.map((v, i) => Math.abs(v - (pillow[i] as number)))));
      if (Math.min(...worst) > 2) others.push(`${name}: by ${worst}`);
      same++;
    }
    assert.deepEqual(others, []);
    // the rest is refused as image_undecodable; Pillow 13 shows 97 of the decoded files
    assert.equal(same + unseen, 141, `${same + unseen} of ${all.length} were decoded`);
    assert.ok(same >= 97, `${same} of ${all.length} were compared`);
  });
});
