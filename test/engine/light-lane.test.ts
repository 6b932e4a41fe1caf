import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setImmediate as tick } from 'node:timers/promises';
import { LightLane } from '../../src/engine/image-process/light-lane.ts';

it("the light lane's session is opened once, on first demand; if that fails, it is logged once", async () => {
  for (const fails of [false, true]) {
    let opened = 0;
    const told: unknown[] = [];
    const lane = new LightLane(
      async () => {
        opened++;
        if (fails) throw new Error('no memory');
        return 'lane';
      },
      (error) => void told.push(error),
    );
    await tick();
    assert.equal(opened, 0);
    assert.equal(lane.wanted(), undefined, 'it takes its time');
    await tick();
    assert.deepEqual([lane.wanted(), lane.wanted()], fails ? [undefined, undefined] : ['lane', 'lane']);
    assert.equal(opened, 1);
    assert.deepEqual(told.map(String), [fails ? 'Error: no memory' : 'undefined']);
  }
});
