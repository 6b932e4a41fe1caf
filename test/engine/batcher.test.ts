import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as tick } from 'node:timers/promises';
import { Batcher } from '../../src/engine/batcher.ts';
import { ServiceError } from '../../src/errors/index.ts';

/** A device under the test's control: every run waits until it is let go. */
function device() {
  const runs: { items: string[]; finish(): void; fail(error: Error): void }[] = [];
  const run = (items: string[]) =>
    new Promise<string[]>((resolve, reject) => {
      runs.push({ items, finish: () => resolve(items.map((i) => `${i}!`)), fail: reject });
    });
  return { runs, run };
}

const code = (expected: string) => (e: unknown) => e instanceof ServiceError && e.code === expected;

describe('batcher', () => {
  it('runs a lone item at once: a free device never waits', async () => {
    const { runs, run } = device();
    const batcher = new Batcher({ maxBatch: 4, maxQueue: 10, run });
    const answer = batcher.submit('a', { key: 't' });
    assert.deepEqual(runs[0]?.items, ['a']);
    runs[0]?.finish();
    assert.equal((await answer).result, 'a!');
  });

  it('collects while the device works and keeps order within a key', async () => {
    const { runs, run } = device();
    const batcher = new Batcher({ maxBatch: 3, maxQueue: 10, run });
    const answers = ['a', 'b', 'c', 'd', 'e'].map((i) => batcher.submit(i, { key: 't' }));
    assert.equal(batcher.depth, 4);
    runs[0]?.finish();
    await tick();
    assert.deepEqual(runs[1]?.items, ['b', 'c', 'd']);
    runs[1]?.finish();
    await tick();
    assert.deepEqual(runs[2]?.items, ['e']);
    runs[2]?.finish();
    assert.deepEqual(
      (await Promise.all(answers)).map((r) => r.result),
      ['a!', 'b!', 'c!', 'd!', 'e!'],
    );
  });

  it('gives every key its turn: a burst of one does not push back another', async () => {
    const { runs, run } = device();
    const batcher = new Batcher({ maxBatch: 4, maxQueue: 100, run });
    void batcher.submit('first', { key: 'big' });
    for (let i = 0; i < 20; i++) void batcher.submit(`big${i}`, { key: 'big' });
    void batcher.submit('small0', { key: 'small' });
    void batcher.submit('small1', { key: 'small' });
    runs[0]?.finish();
    await tick();
    assert.deepEqual(runs[1]?.items, ['big0', 'small0', 'big1', 'small1']);
  });

  it('refuses what does not fit into the queue, with a time to come back', async () => {
    const { run } = device();
    const batcher = new Batcher({ maxBatch: 1, maxQueue: 2, run });
    for (let i = 0; i < 3; i++) void batcher.submit(String(i), { key: 't' });
    await assert.rejects(
      batcher.submit('x', { key: 't' }),
      (e) => code('overloaded')(e) && ((e as ServiceError).retryAfter as number) >= 1,
    );
    assert.equal(batcher.depth, 2);
  });

  it('never runs what has passed its deadline', async () => {
    const { runs, run } = device();
    let now = 0;
    const batcher = new Batcher({ maxBatch: 4, maxQueue: 10, run, now: () => now });
    const first = batcher.submit('a', { key: 't' });
    const late = batcher.submit('late', { key: 't', deadline: 50 });
    const fine = batcher.submit('fine', { key: 't', deadline: 500 });
    now = 100;
    runs[0]?.finish();
    await first;
    await assert.rejects(late, code('deadline_exceeded'));
    assert.deepEqual(runs[1]?.items, ['fine']);
    runs[1]?.finish();
    assert.equal((await fine).queuedMs, 100);
  });

  it('refuses on arrival what can not be reached in time, counting what really comes first', async () => {
    const { runs, run } = device();
    let now = 0;
    const batcher = new Batcher({ maxBatch: 1, maxQueue: 100, run, now: () => now });
    const first = batcher.submit('a', { key: 'big' });
    now = 10; // one item takes 10 ms
    runs[0]?.finish();
    await first;
    for (let i = 0; i < 6; i++) void batcher.submit(`b${i}`, { key: 'big' });
    assert.equal(batcher.depth, 5);
    await assert.rejects(batcher.submit('x', { key: 'big', deadline: now + 40 }), (e: ServiceError) => {
      assert.deepEqual([e.code, e.retryAfter], ['overloaded', 1]);
      return true;
    });
    void batcher.submit('enough time', { key: 'big', deadline: now + 60 });
    void batcher.submit('another key has its turn at once', { key: 'small', deadline: now + 15 });
    assert.equal(batcher.depth, 7);
  });

  it('drops work whose client has left before it costs the device', async () => {
    const { runs, run } = device();
    const batcher = new Batcher({ maxBatch: 4, maxQueue: 10, run });
    const controller = new AbortController();
    void batcher.submit('a', { key: 't' });
    const left = batcher.submit('left', { key: 't', signal: controller.signal });
    void batcher.submit('stays', { key: 't' });
    controller.abort(new Error('gone'));
    await assert.rejects(left, /gone/);
    runs[0]?.finish();
    await tick();
    assert.deepEqual(runs[1]?.items, ['stays']);
    await assert.rejects(batcher.submit('x', { key: 't', signal: controller.signal }), /gone/);
  });

  it('a failed run fails its own items only', async () => {
    const { runs, run } = device();
    const batcher = new Batcher({ maxBatch: 1, maxQueue: 10, run });
    const bad = batcher.submit('bad', { key: 't' });
    const good = batcher.submit('good', { key: 't' });
    runs[0]?.fail(new Error('boom'));
    await assert.rejects(bad, /boom/);
    runs[1]?.finish();
    assert.equal((await good).result, 'good!');
  });

  it('waits for a fuller batch only when told to, and never past the limit', async () => {
    const { runs, run } = device();
    const batcher = new Batcher({ maxBatch: 2, maxQueue: 10, waitMs: 30, run });
    void batcher.submit('a', { key: 't' });
    assert.equal(runs.length, 0);
    void batcher.submit('b', { key: 't' });
    assert.deepEqual(runs[0]?.items, ['a', 'b']);
    runs[0]?.finish();
    await tick();
    void batcher.submit('c', { key: 't' });
    assert.equal(runs.length, 1);
    await new Promise((resolve) => setTimeout(resolve, 60));
    assert.deepEqual(runs[1]?.items, ['c']);
  });
});
