import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Embedder } from '../../src/engine/image-process/embedder.ts';
import { EmbeddingCache } from '../../src/engine/image-process/embedding-cache.ts';
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
      encode: async ({ readings }) => {
        decodes++;
        return {
          facts: { width: 1, height: 1, format: 'png', frames: 1, contested: true },
          others: readings ? ['ignored'] : [],
          features: readings ? [Float32Array.of(1), Float32Array.of(9)] : [Float32Array.of(1)],
          began: 0,
          decoded: 0,
          running: 0,
          seconds: 0,
        };
      },
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
