import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { threadCpuMs } from '../../src/engine/shared/thread-cpu.ts';
import { temporaryDirectory } from '../helpers/paths.ts';

describe('processor time of a thread', () => {
  it('the time for which the thread sleeps does not count', { skip: threadCpuMs() === undefined }, () => {
    const before = threadCpuMs() as number;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    const slept = (threadCpuMs() as number) - before;
    assert.ok(slept >= 0 && slept < 150, `${slept} ms`);
    const until = performance.now() + 30;
    while (performance.now() < until);
    assert.ok((threadCpuMs() as number) > before + slept);
  });

  it('it is unknown where the kernel has no such file, or does not count', async (t) => {
    const file = join(await temporaryDirectory(t), 'schedstat');
    assert.equal(threadCpuMs(file), undefined);
    await writeFile(file, '0 0 0\n');
    assert.equal(threadCpuMs(file), undefined);
    await writeFile(file, '2500000 10 3\n');
    assert.equal(threadCpuMs(file), 2.5);
  });
});
