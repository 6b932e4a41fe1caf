import assert from 'node:assert/strict';
import { constants, PerformanceObserver } from 'node:perf_hooks';
import { it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { relaxHeap } from '../../src/cli/serve/heap.ts';

const BODY_BYTES = 16 * 1024;
const BODIES = 60_000;

/** How often V8 marks the whole heap while bodies come and go. */
async function marksDuringBodies(): Promise<number> {
  let marks = 0;
  const inProgress: Buffer[] = Array.from({ length: 1000 });
  const observer = new PerformanceObserver((list) => {
    for (const { detail } of list.getEntries())
      if ((detail as { kind: number }).kind === constants.NODE_PERFORMANCE_GC_MAJOR) marks++;
  });
  observer.observe({ entryTypes: ['gc'] });
  for (let i = 0; i < BODIES; i++) {
    inProgress[i % inProgress.length] = Buffer.allocUnsafeSlow(BODY_BYTES);
    if (i % 100 === 0) await turn();
  }
  // entries are reported in a later turn
  for (let i = 0; i < 10; i++) await turn();
  observer.disconnect();
  return marks;
}

it('the front marks its heap less often for bodies that come and go', async (t) => {
  setFlagsFromString('--expose-gc');
  const mark = runInNewContext('gc') as () => void;
  // as many objects as a front has
  const objects = Array.from({ length: 500_000 }, (_, n) => ({ n: `${n}` }));
  // the limit of the heap is computed at each mark
  mark();
  mark();
  const before = await marksDuringBodies();
  relaxHeap();
  mark();
  const after = await marksDuringBodies();
  assert.equal(objects.length, 500_000);
  t.diagnostic(`${before} marks before, ${after} after`);
  assert.ok(after < before, `${before} marks before, ${after} after`);
});
