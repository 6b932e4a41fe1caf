import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Room } from '../../src/images/room.ts';

describe('room of the decoder', () => {
  it('admits images until their pixels exceed the limit, and the next one when one has left', async () => {
    const room = new Room(10);
    const [first] = [await room.enter(6), await room.enter(4)];
    let entered = false;
    const third = room.enter(5).then((leave) => {
      entered = true;
      return leave;
    });
    await new Promise(setImmediate);
    assert.equal(entered, false);
    first();
    (await third)();
  });

  it('admits an image that is larger than the limit when nothing else is inside', async () => {
    const room = new Room(10);
    const leave = await room.enter(1);
    const large = room.enter(1000);
    leave();
    (await large)();
    (await room.enter(10))();
  });

  it('never holds more than the limit unless one image fills it, and admits all images in their order', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(sizes, fc.integer({ min: 1, max: 5 }), async (all, turns) => {
        const room = new Room(12);
        const inside: number[] = [];
        const order: number[] = [];
        await Promise.all(
          all.map(async (pixels, i) => {
            const leave = await room.enter(pixels);
            inside.push(pixels);
            order.push(i);
            const sum = inside.reduce((a, b) => a + b, 0);
            assert.ok(sum <= 12 || inside.length === 1, `${inside}`);
            for (let turn = 0; turn < (i % turns) + 1; turn++) await new Promise(setImmediate);
            inside.splice(inside.indexOf(pixels), 1);
            leave();
          }),
        );
        assert.deepEqual(order, [...all.keys()]);
      }),
      { numRuns: 50 },
    );
  });
});
