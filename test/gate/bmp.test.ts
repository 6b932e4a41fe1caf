import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isPlainBmp } from '../../src/gate/reading/formats/plain-bmp.ts';
import { readRequest } from '../../src/gate/reading/index.ts';
import { decodeBmp } from '../../src/images/bmp.ts';
import { type BmpHeader, readBmpHeader } from '../../src/images/headers/bmp.ts';
import { PYTHON } from '../helpers/paths.ts';

/** A BMP of some fields; all other bytes are as given, so palettes and pixels are arbitrary. */
function bmp(
  { header, bits, width, height, colours, gap, compression }: Record<string, number>,
  noise: Uint8Array,
  ramp = false,
): Buffer {
  const core = header === 12;
  const entries = (bits as number) > 8 ? 0 : core ? 2 ** (bits as number) : colours || 2 ** (bits as number);
  const at = 14 + (header as number);
  const offset = at + entries * (core ? 3 : 4) + (gap as number);
  const stride = Math.ceil(((width as number) * (bits as number)) / 32) * 4;
  const file = Buffer.alloc(Math.max(54, offset + stride * Math.abs(height as number)));
  for (let i = at; i < file.length; i++) file[i] = noise[(i * 7) % noise.length] as number;
  if (ramp) for (let i = 0; i < entries * 4; i++) file[at + i] = i >> 2;
  file.fill(0, 14, at);
  file.write('BM');
  file.writeUInt32LE(offset, 10);
  file.writeUInt32LE(header as number, 14);
  if (core) file.writeUInt16LE(width as number, 18);
  else file.writeInt32LE(width as number, 18);
  if (core) file.writeUInt16LE(Math.abs(height as number), 20);
  else file.writeInt32LE(height as number, 22);
  file.writeUInt16LE(1, core ? 22 : 26);
  file.writeUInt16LE(bits as number, core ? 24 : 28);
  if (core) return file;
  file.writeUInt32LE(compression as number, 30);
  file.writeUInt32LE(colours as number, 46);
  return file;
}

const files = fc
  .record({
    header: fc.constantFrom(12, 40, 40, 52, 56, 108, 124, 64, 16),
    bits: fc.constantFrom(1, 4, 8, 8, 24, 24, 16, 32),
    width: fc.integer({ min: 1, max: 20 }),
    height: fc.integer({ min: -12, max: 12 }).filter((n) => n !== 0),
    colours: fc.constantFrom(0, 0, 0, 1, 2, 3, 16, 200, 256),
    gap: fc.constantFrom(0, 0, 4, 7),
    compression: fc.constantFrom(0, 0, 0, 0, 1, 3),
  })
  .chain((fields) =>
    fc
      .tuple(fc.uint8Array({ minLength: 64, maxLength: 64 }), fc.boolean())
      .map(([noise, ramp]) => bmp(fields, noise, ramp)),
  );

const plain = (bits: number) =>
  bmp({ header: 40, bits, width: 9, height: 9, colours: 0, gap: 0, compression: 0 }, Buffer.from('abcdefg'));

async function reading(body: Buffer) {
  const options = { adapter: 'auto' as const, maxImages: 4, maxBodyBytes: 1 << 20 };
  return readRequest({ body, headers: { 'content-type': 'application/octet-stream' } }, options);
}

describe('BMP at the gate', () => {
  for (const bits of [1, 4, 8, 24])
    it(`judges ${bits} bits without compression, as a body and in base64`, async () => {
      const file = plain(bits);
      for (const body of [file, Buffer.from(JSON.stringify({ x: file.toString('base64') }))]) {
        const { extraction, unexamined } = await reading(body);
        assert.equal(unexamined, undefined);
        assert.deepEqual(
          extraction.images.map(({ bytes }) => Buffer.from(bytes as Buffer)),
          [file],
        );
      }
    });

  for (const [name, file] of Object.entries({
    '16 bits, which readers scale differently': plain(16),
    '32 bits, whose fourth byte may be alpha': plain(32),
    'a palette that runs into the pixels': plain(8).fill(100, 10, 11),
    'a file that is too short': plain(24).subarray(0, 200),
  }))
    it(`leaves ${name} unexamined`, async () => {
      const { extraction, unexamined } = await reading(Buffer.from(file));
      assert.match(unexamined?.why ?? '', /BMP/);
      assert.equal(extraction.images.length, 0);
    });

  it('judges only files whose header the service reads', () => {
    fc.assert(
      fc.property(files, (file) => {
        if (isPlainBmp(file)) assert.equal(typeof readBmpHeader(file), 'object');
      }),
    );
  });

  it('judges only files with the pixels that Pillow shows', {
    skip:
      PYTHON !== undefined && spawnSync(PYTHON, ['-c', 'import PIL']).status === 0
        ? false
        : 'needs CLIPN_PYTHON with Pillow',
  }, () => {
    const judged = fc.sample(files, { numRuns: 1500, seed: 7 }).filter(isPlainBmp);
    const program = `
import base64, io, json, sys
from PIL import Image
print(json.dumps([base64.b64encode(Image.open(io.BytesIO(base64.b64decode(s))).convert("RGB").tobytes()).decode() for s in json.load(sys.stdin)]))`;
    const input = JSON.stringify(judged.map((file) => file.toString('base64')));
    const { stdout } = spawnSync(PYTHON as string, ['-c', program], { input, maxBuffer: 1 << 28 });
    const shown = JSON.parse(stdout.toString()) as string[];
    let compared = 0;
    for (const [i, file] of judged.entries()) {
      let pixels: Uint8Array;
      try {
        pixels = decodeBmp(file, readBmpHeader(file) as BmpHeader).data;
      } catch (error) {
        // an index outside the palette is refused as undecodable
        assert.ok(error instanceof RangeError);
        continue;
      }
      assert.equal(Buffer.from(pixels).toString('base64'), shown[i], file.toString('base64'));
      compared++;
    }
    assert.ok(compared > 200, `only ${compared} files were compared`);
  });
});
