import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { loadBundle } from '../../src/bundle/load.ts';
import { glMcm } from '../../src/clipn/index.ts';
import { HeadScorer } from '../../src/engine/image-process/heads/scorer.ts';
import { openImageSession } from '../../src/engine/shared/sessions.ts';
import { BUNDLE, PATCHES } from '../helpers/paths.ts';

const width = 48;

function unit(seed: number): Float32Array {
  const v = Float32Array.from({ length: width }, (_, i) => Math.sin(seed * 12.9898 + i * 78.233));
  const length = Math.hypot(...v);
  return v.map((x) => x / length);
}

const rows = (count: number, seed: number) =>
  Float32Array.from(Array.from({ length: count }, (_, i) => [...unit(seed + i)]).flat());

/** The same in plain numbers, float64. */
const cosines = (feature: Float32Array, matrix: Float32Array): number[] =>
  Array.from({ length: matrix.length / width }, (_, c) =>
    feature.reduce((sum, x, i) => sum + x * (matrix[c * width + i] as number), 0),
  );

describe('features of patches', () => {
  it('the head scorer adds GL-MCM where features of patches follow the feature, and changes nothing else', async () => {
    const scorer = await HeadScorer.open({ width, scale: 100 });
    for (const [classes, patches] of [
      [1, 1],
      [7, 49],
      [1000, 196],
    ] as const) {
      const yes = rows(classes, 10);
      scorer.put('t', { rows: Float32Array.from([...yes, ...rows(classes, 9999)]), negatives: null });
      const image = unit(3);
      const local = Array.from({ length: patches }, (_, i) => unit(500 + i));
      const alone = await scorer.score('t', image, 3);
      const { scores, ...rest } = await scorer.score(
        't',
        Float32Array.from([image, ...local].flatMap((f) => [...f])),
        3,
      );
      const { gl_mcm, ...others } = scores;
      assert.deepEqual({ ...rest, scores: others }, alone, 'the verdict is that of the feature');
      assert.ok(!('gl_mcm' in alone.scores));
      const expected = glMcm(
        cosines(image, yes),
        local.map((f) => cosines(f, yes)),
      );
      assert.ok(Math.abs((gl_mcm ?? Number.NaN) - expected) <= 1e-6, `${gl_mcm} for ${expected}`);
    }
  });

  it('the session gives the patches of a bundle that has them after each feature, whatever else is in the batch', async () => {
    const bundle = await loadBundle(PATCHES);
    const { size, patches } = bundle.manifest.image;
    const each = (1 + (patches as number)) * bundle.manifest.embedding_dim;
    const session = await openImageSession(bundle, 1);
    const pixels = Uint8Array.from({ length: 3 * size * size * 3 }, (_, i) => (i * 7919) % 256);
    const all = await session.run(pixels, 3);
    assert.equal(all.length, 3 * each);
    for (const i of [0, 1, 2]) {
      const alone = await session.run(pixels.slice(i * size * size * 3, (i + 1) * size * size * 3), 1);
      const here = all.subarray(i * each, (i + 1) * each);
      assert.ok(alone.every((x, at) => Math.abs(x - (here[at] as number)) < 1e-5));
    }
    for (let at = 0; at < all.length; at += bundle.manifest.embedding_dim) {
      const length = Math.hypot(...all.subarray(at, at + bundle.manifest.embedding_dim));
      assert.ok(Math.abs(length - 1) < 1e-5, `${length}`);
    }
  });

  it('a manifest that names patches which the graph does not give, or leaves out those it gives, is refused', async () => {
    for (const [from, patches] of [
      [BUNDLE, 4],
      [PATCHES, undefined],
      [PATCHES, 9],
    ] as const) {
      const bundle = await loadBundle(from);
      const { patches: _, ...image } = bundle.manifest.image;
      const manifest = { ...bundle.manifest, image: { ...image, ...(patches !== undefined && { patches }) } };
      const wrong = async () => {
        const session = await openImageSession({ ...bundle, manifest }, 1);
        await session.run(new Uint8Array(image.size ** 2 * 3), 1);
      };
      await assert.rejects(wrong, { code: 'engine_unavailable' }, join(from, String(patches)));
    }
  });
});
