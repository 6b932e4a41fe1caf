import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { LooksLikeCounts, SpaceSaving } from '../../src/looks/index.ts';

describe('space saving', () => {
  it('no count is too low, none too high by more than n / capacity, and every item above that is counted', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...'aaaaaabbbbccdefghijklmnop'), { maxLength: 200 }),
        fc.integer({ min: 1, max: 12 }),
        (items, capacity) => {
          const sketch = new SpaceSaving(capacity);
          const exact = new Map<string, number>();
          for (const item of items) {
            sketch.add(item);
            exact.set(item, (exact.get(item) ?? 0) + 1);
          }
          const top = sketch.top(1000);
          assert.ok(top.length <= capacity);
          assert.equal(sketch.total, items.length);
          assert.equal(
            top.reduce((sum, { count }) => sum + count, 0),
            items.length,
          );
          for (const { item, count, error } of top) {
            const real = exact.get(item) as number;
            assert.ok(real <= count && real >= count - error, item);
            assert.ok(error <= items.length / capacity);
          }
          const counted = new Set(top.map(({ item }) => item));
          for (const [item, count] of exact) assert.ok(counted.has(item) || count <= items.length / capacity, item);
          if (exact.size <= capacity) assert.ok(top.every(({ error }) => error === 0));
        },
      ),
    );
  });

  it('the commonest come first, ties by item', () => {
    const sketch = new SpaceSaving(3);
    for (const item of 'cbaab') sketch.add(item);
    assert.deepEqual(
      sketch.top(2).map(({ item, count }) => [item, count]),
      [
        ['a', 2],
        ['b', 2],
      ],
    );
    assert.throws(() => new SpaceSaving(0), RangeError);
  });
});

/** Counts with a clock that only moves when a test advances it. */
function counts() {
  let at = Date.UTC(2026, 0, 1, 12);
  const looks = new LooksLikeCounts({ now: () => at });
  const offer = async (word: string | undefined, { version = 1, took = 0, tenant = 'a' } = {}) => {
    const look = async () => {
      at += took;
      return word === undefined ? [] : [{ word }, { word: 'farther' }];
    };
    looks.offer({ tenant, version, look });
    await turn();
  };
  return { looks, offer, wait: (ms: number) => (at += ms) };
}
const DAY = 86_400_000;

describe('counts of what refused images look like', () => {
  it('an image counts under its nearest word, or as one without a word', async () => {
    const { looks, offer } = counts();
    for (const word of ['cat', 'dog', 'cat', undefined]) await offer(word);
    const [day, ...others] = looks.report('a', 1);
    assert.deepEqual(
      { ...day, words: day?.words.map(({ item, count }) => [item, count]) },
      {
        day: '2026-01-01',
        refused: 4,
        lookedAt: 4,
        noWord: 1,
        words: [
          ['cat', 2],
          ['dog', 1],
        ],
      },
    );
    assert.deepEqual([others, looks.report('b', 1)], [[], []]);
  });

  it('after a search of d ms the next one begins 19 d later; images in between count without a word, and so does one whose search fails', async () => {
    const { looks, offer, wait } = counts();
    await offer('cat', { took: 10 });
    await offer('dog');
    wait(189);
    await offer('dog');
    const reported = () => looks.report('a', 1).map(({ refused, lookedAt }) => [refused, lookedAt]);
    assert.deepEqual(reported(), [[3, 1]]);
    wait(1);
    await offer('dog');
    assert.deepEqual(reported(), [[4, 2]]);
    looks.offer({ tenant: 'a', version: 1, look: () => Promise.reject(new Error('no engine')) });
    await turn();
    assert.deepEqual(reported(), [[5, 2]]);
  });

  it('one search runs at a time', async () => {
    const { looks, offer } = counts();
    let finish = () => {};
    const held = new Promise<{ word: string }[]>((resolve) => {
      finish = () => resolve([{ word: 'cat' }]);
    });
    looks.offer({ tenant: 'a', version: 1, look: () => held });
    await offer('dog', { tenant: 'b' });
    finish();
    await turn();
    await offer('dog', { tenant: 'b' });
    assert.deepEqual(
      ['a', 'b'].map((tenant) => looks.report(tenant, 1).map(({ refused, lookedAt }) => [refused, lookedAt])),
      [[[1, 1]], [[2, 1]]],
    );
  });

  it('two days are kept, newest first; another version starts at zero, and so does a removed tenant', async () => {
    const { looks, offer, wait } = counts();
    await offer('cat');
    wait(DAY);
    await offer('dog');
    const days = (version = 1) => looks.report('a', version).map(({ day }) => day);
    assert.deepEqual(days(), ['2026-01-02', '2026-01-01']);
    wait(DAY);
    assert.deepEqual(days(), ['2026-01-02']);
    await offer('dog');
    assert.deepEqual(days(), ['2026-01-03', '2026-01-02']);
    assert.deepEqual(days(2), []);
    await offer('dog', { version: 2 });
    assert.deepEqual([days(2), days(1)], [['2026-01-03'], []]);
    looks.forget('a');
    assert.deepEqual(days(2), []);
  });
});
