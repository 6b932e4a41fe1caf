import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { FairQueue, type Priority, weightsOf } from '../../src/engine/shared/fair-queue.ts';

const place = (key: string, priority: Priority = 'interactive') => ({ key, priority });

function drain<T>(queue: FairQueue<T>): T[] {
  const out: T[] = [];
  for (let item = queue.shift(); item !== undefined; item = queue.shift()) out.push(item);
  return out;
}

describe('fair queue', () => {
  it('the fair queue serves one key in order of arrival', () => {
    const queue = new FairQueue<number>();
    for (let i = 0; i < 5; i++) queue.push(i, place('a'));
    assert.deepEqual(drain(queue), [0, 1, 2, 3, 4]);
  });

  it('the fair queue serves keys in turn: a burst of one does not delay another', () => {
    const queue = new FairQueue<string>();
    for (let i = 0; i < 6; i++) queue.push(`big${i}`, place('big'));
    assert.equal(queue.shift(), 'big0');
    for (let i = 0; i < 3; i++) queue.push(`small${i}`, place('small'));
    assert.deepEqual(drain(queue), ['small0', 'big1', 'small1', 'big2', 'small2', 'big3', 'big4', 'big5']);
  });

  it('the fair queue shares by weight, fractions included', () => {
    for (const [heavy, light] of [
      [3, 1],
      [1, 0.25],
      [2.5, 1],
    ] as const) {
      const queue = new FairQueue<string>(
        weightsOf(
          new Map([
            ['heavy', heavy],
            ['light', light],
          ]),
        ),
      );
      for (let i = 0; i < 400; i++) {
        queue.push(`h${i}`, place('heavy'));
        queue.push(`l${i}`, place('light'));
      }
      const served = Array.from({ length: 200 }, () => (queue.shift() as string)[0]);
      const ratio = served.filter((s) => s === 'h').length / served.filter((s) => s === 'l').length;
      assert.ok(Math.abs(ratio / (heavy / light) - 1) < 0.05, `${heavy}:${light} gave ${ratio}`);
    }
  });

  it('the fair queue serves single images before bulk without starving bulk, of the same key or another', () => {
    const queue = new FairQueue<string>();
    for (let i = 0; i < 40; i++) queue.push(`bulk${i}`, place('a', 'bulk'));
    queue.push('b0', place('b'));
    queue.push('b1', place('b'));
    assert.deepEqual(
      [queue.shift(), queue.shift(), queue.shift()],
      ['b0', 'bulk0', 'b1'],
      'in every round b goes first',
    );
    for (let i = 0; i < 40; i++) queue.push(`a${i}`, place('a'));
    const served = Array.from({ length: 25 }, () => queue.shift() as string);
    assert.equal(served.filter((s) => s.startsWith('bulk')).length, 5, served.join());
  });

  it('the fair queue serves probes first', () => {
    const queue = new FairQueue<string>();
    for (let i = 0; i < 3; i++) queue.push(`a${i}`, place('a'));
    queue.push('probe', place('b', 'probe'));
    assert.equal(queue.probes, 1);
    assert.equal(queue.ahead(place('a', 'probe')), 1);
    assert.equal(queue.shift(), 'probe');
    assert.equal(queue.probes, 0);
  });

  it('a key that empties and returns in the same round of the fair queue is not served twice', () => {
    const queue = new FairQueue<string>();
    for (let i = 0; i < 10; i++) queue.push(`a${i}`, place('a'));
    for (let i = 0; i < 10; i++) queue.push(`c${i}`, place('c'));
    const served: string[] = [];
    for (let i = 0; i < 9; i++) {
      queue.push(`b${i}`, place('b')); // one at a time, as a client that waits for its answer
      let item: string;
      do {
        item = queue.shift() as string;
        served.push(item);
      } while (!item.startsWith('b'));
    }
    const count = (key: string) => served.filter((s) => s.startsWith(key)).length;
    assert.ok(count('b') <= count('a') + 1, served.join());
  });

  it('the fair queue neither loses nor repeats entries, and serves in the order of `ahead`', () => {
    const step = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({
          do: fc.constant('push' as const),
          key: fc.integer({ min: 0, max: 4 }),
          bulk: fc.boolean(),
        }),
      },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('shift' as const) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), at: fc.nat() }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const queue = new FairQueue<number>((key) => 0.5 + Number(key));
        const inside = new Map<number, string>();
        let next = 0;
        for (const s of steps) {
          if (s.do === 'push') {
            queue.push(next, { key: String(s.key), priority: s.bulk ? 'bulk' : 'interactive' });
            inside.set(next++, `${s.key}${s.bulk}`);
          } else if (s.do === 'remove') {
            const item = [...inside.keys()][s.at % Math.max(1, inside.size)];
            if (item === undefined) continue;
            assert.ok(queue.remove(item));
            assert.ok(!queue.remove(item));
            inside.delete(item);
          } else {
            const item = queue.shift();
            if (item === undefined) assert.equal(inside.size, 0);
            else {
              const mine = inside.get(item);
              assert.ok(mine !== undefined, 'served twice or after it was removed');
              for (const [other, kind] of inside) if (kind === mine) assert.ok(other >= item, 'out of order');
              inside.delete(item);
            }
          }
          assert.equal(queue.size, inside.size);
        }
        assert.deepEqual(new Set(drain(queue)), new Set(inside.keys()));
      }),
    );
  });
});
