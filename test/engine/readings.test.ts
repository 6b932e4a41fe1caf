import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Batcher } from '../../src/engine/image-process/batcher.ts';
import { Embedder } from '../../src/engine/image-process/embedder.ts';
import { EmbeddingCache } from '../../src/engine/image-process/embedding-cache.ts';
import { FairLimiter } from '../../src/engine/image-process/fair-limiter.ts';
import { type Detection, disagreeing } from '../../src/engine/index.ts';

const decisions = (decision: 'id' | 'ood') => ({ ctw: decision, atd: 'id' as const, atd_rescaled: decision });

describe('readings of one file', () => {
  it('readings of one file may get different decisions', () => {
    const detection = {
      decisions: decisions('id'),
      otherReadings: [
        { reading: 'on_black', decisions: decisions('ood') },
        { reading: 'ignored', decisions: decisions('id') },
      ],
    } as Detection;
    assert.deepEqual(disagreeing(detection, 'ctw'), ['on_black']);
    assert.deepEqual(disagreeing(detection, 'atd-rescaled'), ['on_black']);
    assert.deepEqual(disagreeing(detection, 'atd'), []);
    assert.deepEqual(disagreeing({ decisions: decisions('id') } as Detection, 'ctw'), []);
  });

  it('readings are embedded only on request, even if the main reading is cached', async () => {
    let decodes = 0;
    const embedder = new Embedder({
      decode: async (_bytes, readings) => {
        decodes++;
        const others = readings ? [{ name: 'ignored' as const, pixels: Uint8Array.of(9) }] : [];
        return { pixels: Uint8Array.of(1), width: 1, height: 1, format: 'png', frames: 1, contested: true, others };
      },
      decoding: new FairLimiter(1),
      batcher: new Batcher({
        maxBatch: 4,
        run: async (images: Uint8Array[]) =>
          images.map((i) => ({ feature: Float32Array.of(i[0] as number), seconds: 0 })),
      }),
      cache: new EmbeddingCache(1e6),
    });
    const embed = async (readings: boolean) => {
      const { embedding, cache } = await embedder.embed({
        bytes: Uint8Array.of(1),
        sha256: 'a',
        place: { key: 't', priority: 'interactive' },
        readings,
        deadline: 1e12,
        signal: new AbortController().signal,
      });
      return [embedding.others.map(({ reading, feature }) => [reading, feature[0]]), cache];
    };
    assert.deepEqual(await embed(false), [[], 'miss']);
    assert.deepEqual(await embed(false), [[], 'hit']);
    assert.deepEqual(await embed(true), [[['ignored', 9]], 'miss']);
    assert.deepEqual(await embed(true), [[['ignored', 9]], 'hit']);
    assert.equal(decodes, 2);
  });
});
