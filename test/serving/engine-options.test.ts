import assert from 'node:assert/strict';
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { Bundle } from '../../src/bundle/load.ts';
import type { Manifest, Precision } from '../../src/bundle/manifest.ts';
import { loadConfig } from '../../src/config/index.ts';
import { engineOptions } from '../../src/serving/engine-options.ts';
import { temporaryDirectory } from '../helpers/paths.ts';

const MiB = 2 ** 20;

/** A bundle whose image graph has this size on the disk. */
async function bundleOf(
  t: TestContext,
  bytes: number,
  precision: Precision,
  speed?: Manifest['speed'],
): Promise<Bundle> {
  const image = join(await temporaryDirectory(t), 'image.onnx');
  await writeFile(image, '');
  await truncate(image, bytes);
  return { precision, manifest: { speed }, files: { image } } as unknown as Bundle;
}

const CONFIG = loadConfig({ CLIPN_THREADS: '2' });

describe('lanes of a bundle', () => {
  it('fp32 weights count twice, because bundles store them as halves; the log gets the reason for fewer lanes', async (t) => {
    const { lanes, lanesWhy } = engineOptions(CONFIG, await bundleOf(t, 164 * MiB, 'fp32'), ['cpu']);
    assert.equal(lanes, 1);
    assert.match(lanesWhy ?? '', /328 MiB for each lane/);
    assert.equal(engineOptions(CONFIG, await bundleOf(t, 164 * MiB, 'int8'), ['cpu']).lanes, 2);
  });

  it('the bundle names the batch, and the setting comes first', async (t) => {
    const speed = { int8: { cores: 2, lanes: 2, batch: 2, images_per_second: 200 } };
    const bundle = await bundleOf(t, MiB, 'int8', speed);
    assert.equal(engineOptions(CONFIG, bundle, ['cpu']).laneBatch, 2);
    assert.equal(engineOptions({ ...CONFIG, laneBatch: 4 }, bundle, ['cpu']).laneBatch, 4);
    assert.equal(engineOptions(CONFIG, await bundleOf(t, MiB, 'fp32', speed), ['cpu']).laneBatch, 0);
  });
});
