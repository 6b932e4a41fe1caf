import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type Bundle, loadBundle, withPrecision } from '../../src/bundle/load.ts';
import { openImageSession } from '../../src/engine/shared/sessions.ts';
import { decodeImage } from '../../src/images/decode.ts';
import { ROOT } from '../helpers/paths.ts';

const SAMPLES = ['butterfly', 'cat', 'coffee', 'dog', 'rocket', 'zebra'];

describe('the int8 graph of the default model', () => {
  it('gives features of cosine 0.999 with fp32 on every processor, with VNNI or without', async () => {
    const bundle = await loadBundle(join(ROOT, 'models/clipn-small'));
    const { size } = bundle.manifest.image;
    const [plain, lowered] = await Promise.all(
      (['fp32', 'int8'] as const).map((precision) => openImageSession(withPrecision(bundle, precision), 1)),
    );
    assert.ok(plain && lowered);
    for (const name of SAMPLES) {
      const { pixels } = await decodeImage(readFileSync(join(ROOT, `samples/${name}.jpg`)), size, { maxPixels: 1e7 });
      const [a, b] = [await plain.run(pixels, 1), await lowered.run(pixels, 1)];
      const cosine = a.reduce((sum, value, i) => sum + value * (b[i] as number), 0);
      // on a processor without VNNI the butterfly has 0.9986 if the runtime sums in 16 bits
      assert.ok(cosine > 0.999, `${name}: ${cosine}`);
    }
  });
});

describe('an int8 graph whose products share their weights', () => {
  it('opens on every processor, although the runtime cannot convert such weights where it lacks VNNI', async () => {
    const bundle = {
      manifest: { image: { size: 2 }, embedding_dim: 12 },
      precision: 'int8',
      files: { image: join(ROOT, 'test/fixtures/int8-shared/image.onnx') },
    } as Bundle;
    const session = await openImageSession(bundle, 1);
    assert.equal((await session.run(new Uint8Array(12), 1)).length, 12);
  });
});
