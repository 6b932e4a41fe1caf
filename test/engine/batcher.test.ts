import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as tick } from 'node:timers/promises';
import { Batcher, type SubmitOptions } from '../../src/engine/batcher.ts';
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

/** How an item of a tenant is submitted. */
const at = (key: string, more: Partial<SubmitOptions> = {}): SubmitOptions => ({
  place: { key, weight: 1, priority: 'interactive' },
  deadline: () => Number.POSITIVE_INFINITY,
  signal: new AbortController().signal,
  ...more,
});

const code = (expected: string) => (e: unknown) => e instanceof ServiceError && e.code === expected;

describe('batcher', () => {
  it('runs a lone item at once: a free device never waits', async () => {
    const { runs, run } = device();
    const batcher = new Batcher({ maxBatch: 4, run });
    const answer = batcher.submit('a', at('t'));
    assert.deepEqual(runs[0]?.items, ['a']);
    runs[0]?.finish();
    assert.equal((await answer).result, 'a!');
  });

  it('collects while the device works and keeps order within a key', async () => {
    const { runs, run } = device();
    const batcher = new Batcher({ maxBatch: 3, run });
    const answers = ['a', 'b', 'c', 'd', 'e'].map((i) => batcher.submit(i, at('t')));
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
    const batcher = new Batcher({ maxBatch: 4, run });
    void batcher.submit('first', at('big'));
    for (let i = 0; i < 20; i++) void batcher.submit(`big${i}`, at('big'));
    void batcher.submit('small0', at('small'));
    void batcher.submit('small1', at('small'));
    runs[0]?.finish();
    await tick();
    assert.deepEqual(runs[1]?.items, ['small0', 'big0', 'small1', 'big1']);
  });

  it('never runs what has passed its deadline', async () => {
    const { runs, run } = device();
    let now = 0;
    const batcher = new Batcher({ maxBatch: 4, run, now: () => now });
    const first = batcher.submit('a', at('t'));
    const late = batcher.submit('late', at('t', { deadline: () => 50 }));
    const fine = batcher.submit('fine', at('t', { deadline: () => 500 }));
    now = 100;
    runs[0]?.finish();
    await first;
    await assert.rejects(late, code('deadline_exceeded'));
    assert.deepEqual(runs[1]?.items, ['fine']);
    runs[1]?.finish();
    assert.equal((await fine).queuedMs, 100);
  });

  it('drops work whose client has left before it costs the device', async () => {
    const { runs, run } = device();
    const batcher = new Batcher({ maxBatch: 4, run });
    const controller = new AbortController();
    void batcher.submit('a', at('t'));
    const left = batcher.submit('left', at('t', { signal: controller.signal }));
    void batcher.submit('stays', at('t'));
    controller.abort(new Error('gone'));
    await assert.rejects(left, /gone/);
    runs[0]?.finish();
    await tick();
    assert.deepEqual(runs[1]?.items, ['stays']);
    await assert.rejects(batcher.submit('x', at('t', { signal: controller.signal })), /gone/);
  });

  it('a failed run fails its own items only', async () => {
    const { runs, run } = device();
    const batcher = new Batcher({ maxBatch: 1, run });
    const bad = batcher.submit('bad', at('t'));
    const good = batcher.submit('good', at('t'));
    runs[0]?.fail(new Error('boom'));
    await assert.rejects(bad, /boom/);
    runs[1]?.finish();
    assert.equal((await good).result, 'good!');
  });

  it('waits for a fuller batch only when told to, and never past the limit', async () => {
    const { runs, run } = device();
    const batcher = new Batcher({ maxBatch: 2, waitMs: 30, run });
    void batcher.submit('a', at('t'));
    assert.equal(runs.length, 0);
    void batcher.submit('b', at('t'));
    assert.deepEqual(runs[0]?.items, ['a', 'b']);
    runs[0]?.finish();
    await tick();
    void batcher.submit('c', at('t'));
    assert.equal(runs.length, 1);
    await new Promise((resolve) => setTimeout(resolve, 60));
    assert.deepEqual(runs[1]?.items, ['c']);
  });

  it('hands a second batch over early only where that is wanted and when it is full', async () => {
    const { runs, run } = device();
    const batcher = new Batcher({ maxBatch: 2, depth: 2, run });
    const items = ['a', 'b', 'c', 'd', 'e'];
    const answers = items.map((item) => batcher.submit(item, at('t')));
    assert.deepEqual(
      runs.map((r) => r.items),
      [['a'], ['b', 'c']],
    );
    runs[0]?.finish();
    await tick();
    assert.deepEqual(runs[2]?.items, ['d', 'e'], 'before [b, c] has ended');
    void batcher.submit('f', at('t')).catch(() => {});
    assert.equal(runs.length, 3);
    runs[1]?.finish();
    await tick();
    assert.equal(runs.length, 3, 'one item is no full batch');
    runs[2]?.finish();
    await tick();
    assert.deepEqual(runs[3]?.items, ['f']);
    assert.equal((await Promise.all(answers)).length, 5);
  });

  it('runs are full while one tenant asks, short while several do, and full again later', async () => {
    let now = 0;
    const { runs, run } = device();
    const batcher = new Batcher<string, string>({ maxBatch: 8, run, now: () => now });
    /** Ends run `i` after 5 ms for each of its items. */
    const end = async (i: number) => {
      now += 5 * (runs[i]?.items.length ?? 0);
      runs[i]?.finish();
      await tick();
    };
    const submit = (tenant: string, count: number) => {
      for (let i = 0; i < count; i++) void batcher.submit(`${tenant}${i}`, at(tenant));
    };
    submit('big', 17);
    await end(0);
    await end(1);
    assert.deepEqual(
      runs.map((r) => r.items.length),
      [1, 8, 8],
    );
    submit('small', 1);
    submit('big', 8);
    await end(2);
    // 20 ms of 5 ms each, and the small tenant among them
    assert.equal(runs[3]?.items.length, 4);
    assert.ok(runs[3]?.items.includes('small0'));
    await end(3);
    await end(4);
    await end(5);
    now += 3000;
    submit('big', 9);
    await end(6);
    assert.equal(runs[7]?.items.length, 8);
  });

  it('a model that takes long for one image runs few at a time', async () => {
    let now = 0;
    const { runs, run } = device();
    const batcher = new Batcher<string, string>({ maxBatch: 8, run, now: () => now });
    for (let i = 0; i < 9; i++) void batcher.submit(`${i}`, at('t'));
    now += 150;
    runs[0]?.finish();
    await tick();
    assert.equal(runs[1]?.items.length, 2, '400 ms at 150 ms each');
  });
});
