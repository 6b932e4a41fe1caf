import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as tick } from 'node:timers/promises';
import { Batcher, type SubmitOptions } from '../../src/engine/image-process/batcher.ts';
import { ServiceError } from '../../src/errors/index.ts';
import { until } from '../helpers/service.ts';

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
  place: { key, priority: 'interactive' },
  deadline: () => Number.POSITIVE_INFINITY,
  signal: new AbortController().signal,
  ...more,
});

const code = (expected: string) => (e: unknown) => e instanceof ServiceError && e.code === expected;

describe('batcher', () => {
  it('the batcher runs a single item at once when the device is free', async () => {
    const { runs, run } = device();
    const batcher = new Batcher({ maxBatch: 4, run });
    const answer = batcher.submit('a', at('t'));
    assert.deepEqual(runs[0]?.items, ['a']);
    runs[0]?.finish();
    assert.equal((await answer).result, 'a!');
  });

  it('the batcher collects while the device works and keeps the order within a key', async () => {
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

  it('the batcher serves keys in turn: a burst of one does not delay another', async () => {
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

  it('the batcher never runs an item past its deadline', async () => {
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

  it('the batcher drops an item whose client has left before it reaches the device', async () => {
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

  it('a failed run of the batcher fails its own items only', async () => {
    const { runs, run } = device();
    const batcher = new Batcher({ maxBatch: 1, run });
    const bad = batcher.submit('bad', at('t'));
    const good = batcher.submit('good', at('t'));
    runs[0]?.fail(new Error('boom'));
    await assert.rejects(bad, /boom/);
    runs[1]?.finish();
    assert.equal((await good).result, 'good!');
  });

  it('the batcher waits for a fuller batch only when configured, and never past the limit', async () => {
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
    await until('the wait is over', 5000, () => runs.length === 2);
    assert.deepEqual(runs[1]?.items, ['c']);
  });

  it('the batcher hands a second batch over early only with depth 2, and only a full one', async () => {
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

  it('batches are full while one tenant asks, small while several do, and full again later', async () => {
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

  it('the batcher runs small batches of a model that is slow for one image', async () => {
    let now = 0;
    const { runs, run } = device();
    const batcher = new Batcher<string, string>({ maxBatch: 8, run, now: () => now });
    for (let i = 0; i < 9; i++) void batcher.submit(`${i}`, at('t'));
    now += 150;
    runs[0]?.finish();
    await tick();
    assert.equal(runs[1]?.items.length, 2, '400 ms at 150 ms each');
  });

  it('images of a tenant without images in the batch run in the light lane, and batches stay full', async () => {
    let now = 0;
    const main = device();
    const side = device();
    const beside = { maxBatch: 2, run: side.run };
    const batcher = new Batcher<string, string>({
      maxBatch: 4,
      run: main.run,
      lightLane: () => beside,
      now: () => now,
    });
    const submit = (tenant: string, count: number, from = 0) =>
      Array.from({ length: count }, (_, i) => batcher.submit(`${tenant}${from + i}`, at(tenant)));
    submit('big', 9);
    now += 5;
    main.runs[0]?.finish();
    await tick();
    const answers = submit('small', 4);
    assert.deepEqual(side.runs[0]?.items, ['small0']);
    side.runs[0]?.finish();
    await tick();
    assert.equal((await (answers[0] as (typeof answers)[number])).result, 'small0!');
    assert.deepEqual(
      side.runs[1]?.items,
      ['small1', 'small2'],
      'what has come meanwhile, as much as there is room for',
    );
    main.runs[1]?.finish();
    await tick();
    // the side is busy and the device free: what waits of the small tenant takes its turn like any other
    assert.equal(main.runs[2]?.items.length, 4);
    assert.ok(main.runs[2]?.items.includes('small3'));
    const ran = [...main.runs, ...side.runs].flatMap((r) => r.items);
    assert.deepEqual([ran.length, new Set(ran).size], [12, 12], 'nothing runs twice');
    side.runs[1]?.finish();
    main.runs[2]?.finish();
    await Promise.all(answers);
  });

  it('a tenant with images in the batch waits for its end, and so do all tenants if the device runs one thing at a time', async () => {
    const main = device();
    const side = device();
    const batcher = new Batcher<string, string>({
      maxBatch: 4,
      run: main.run,
      lightLane: () => ({ maxBatch: 4, run: side.run }),
    });
    void batcher.submit('a', at('t'));
    void batcher.submit('b', at('t'));
    assert.equal(side.runs.length, 0);
    main.runs[0]?.finish();
    await tick();
    assert.deepEqual(main.runs[1]?.items, ['b']);
  });

  it('the light lane is opened when a second tenant arrives, and batches are small until it is open', async () => {
    let now = 0;
    const main = device();
    const side = device();
    let asked = 0;
    let there: { maxBatch: number; run: typeof side.run } | undefined;
    const beside = () => {
      asked++;
      return there;
    };
    const batcher = new Batcher<string, string>({ maxBatch: 8, run: main.run, lightLane: beside, now: () => now });
    for (let i = 0; i < 20; i++) void batcher.submit(`big${i}`, at('big'));
    now += 10;
    main.runs[0]?.finish();
    await tick();
    assert.equal(asked, 0, 'one tenant wants none');
    void batcher.submit('small0', at('small'));
    assert.equal(asked, 1);
    now += 80;
    main.runs[1]?.finish();
    await tick();
    assert.deepEqual(main.runs[2]?.items, ['small0', 'big9'], '20 ms at 10 ms each');
    there = { maxBatch: 8, run: side.run };
    void batcher.submit('other', at('other'));
    assert.deepEqual(side.runs[0]?.items, ['other']);
    now += 20;
    main.runs[2]?.finish();
    await tick();
    assert.equal(main.runs[3]?.items.length, 8, 'full again');
  });

  it('a tenant is light while it has less than its share, in the batch and in the queue', async () => {
    const main = device();
    const side = device();
    const beside = { maxBatch: 4, run: side.run };
    const batcher = new Batcher<string, string>({ maxBatch: 4, run: main.run, lightLane: () => beside });
    const submit = (item: string, tenant: string) => void batcher.submit(item, at(tenant));
    for (const item of ['a', 'b', 'c', 'd', 'e']) submit(item, 'big');
    submit('small0', 'small');
    submit('small1', 'small');
    assert.deepEqual(side.runs[0]?.items, ['small0']);
    main.runs[0]?.finish();
    await tick();
    // the side was busy: one of the small tenant has got into a batch
    assert.deepEqual(main.runs[1]?.items, ['small1', 'b', 'c', 'd']);
    side.runs[0]?.finish();
    await tick();
    submit('small2', 'small');
    assert.deepEqual(side.runs[1]?.items, ['small2'], 'one inside and one waiting of the two that it may have');
    submit('small3', 'small');
    submit('small4', 'small');
    side.runs[1]?.finish();
    await tick();
    assert.deepEqual(side.runs[2]?.items, ['small3'], 'the other is more than its share');
  });

  it('an image in the light lane can be late, aborted or fail like any other', async () => {
    let now = 0;
    const main = device();
    const side = device();
    const beside = { maxBatch: 8, run: side.run };
    const batcher = new Batcher<string, string>({
      maxBatch: 8,
      run: main.run,
      lightLane: () => beside,
      now: () => now,
    });
    void batcher.submit('big', at('big'));
    const failing = batcher.submit('small', at('small'));
    const gone = new AbortController();
    const left = batcher.submit('left', at('small', { signal: gone.signal }));
    const late = batcher.submit('late', at('small', { deadline: () => 50 }));
    const fine = batcher.submit('fine', at('small'));
    gone.abort(new Error('gone'));
    now = 100;
    side.runs[0]?.fail(new Error('boom'));
    await assert.rejects(failing, /boom/);
    await assert.rejects(left, /gone/);
    await assert.rejects(late, code('deadline_exceeded'));
    assert.deepEqual(side.runs[1]?.items, ['fine']);
    side.runs[1]?.finish();
    assert.equal((await fine).result, 'fine!');
  });
});
