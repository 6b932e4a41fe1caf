import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { padRows, planBatches } from '../../src/engine/text-process/text-batches.ts';

describe('batches of texts', () => {
  it('every text is in one batch, similar lengths together, within the budget', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 2, max: 77 })), fc.integer({ min: 1, max: 600 }), (lengths, budget) => {
        const batches = planBatches(lengths, budget);
        assert.deepEqual(
          batches.flat().sort((a, b) => a - b),
          lengths.map((_, i) => i),
        );
        const flat = batches.flat().map((i) => lengths[i] as number);
        assert.deepEqual(
          flat,
          [...flat].sort((a, b) => a - b),
        );
        for (const batch of batches) {
          const longest = Math.max(...batch.map((i) => lengths[i] as number));
          assert.ok(batch.length === 1 || batch.length * longest <= budget);
        }
      }),
    );
  });

  it('a batch of texts is filled before the next begins', () => {
    assert.deepEqual(planBatches([3, 2, 3, 2], 6), [
      [1, 3],
      [0, 2],
    ]);
    assert.deepEqual(planBatches([], 6), []);
  });

  it('texts are padded at their end to the longest of their batch', () => {
    const rows = [
      [1, 9],
      [1, 5, 9],
      [1, 2, 3, 4, 9],
    ];
    assert.deepEqual([...padRows(rows, [1, 0], 7)], [1n, 5n, 9n, 1n, 9n, 7n]);
  });
});
