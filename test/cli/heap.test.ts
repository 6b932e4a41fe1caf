import assert from 'node:assert/strict';
import { it } from 'node:test';
import { cachedDataVersionTag } from 'node:v8';
import { relaxHeap } from '../../src/cli/serve/heap.ts';

// the tag is a hash of V8's flags. The effect depends on the machine and is measured: docs/benchmarks.md, "Why refusals wait"
it("the front's heap may grow further between marks, but not in a container with less than 2 GiB", () => {
  const before = cachedDataVersionTag();
  relaxHeap(1.5 * 2 ** 30);
  assert.equal(cachedDataVersionTag(), before);
  relaxHeap(0);
  assert.notEqual(cachedDataVersionTag(), before);
});
