import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as tick } from 'node:timers/promises';
import fc from 'fast-check';
import { batchSizes, bestBatch, bucketsUpTo, compareBatches } from '../../src/engine/image-process/lanes/buckets.ts';
import { Cores } from '../../src/engine/image-process/lanes/cores.ts';
import {
  Lanes,
  type LanesOptions,
  type Outcome,
  type SubmitOptions,
} from '../../src/engine/image-process/lanes/lanes.ts';
import { decodesAtOnce } from '../../src/engine/image-process/lanes/protocol.ts';
import { lanesFor } from '../../src/engine/shared/lane-plan.ts';
import { ServiceError } from '../../src/errors/index.ts';
import { until } from '../helpers/service.ts';

/** A lane under the test's control: every run waits until it is let go. */
function device() {
  const runs: { items: string[]; finish(): void; fail(error: Error): void }[] = [];
  const dropped: string[] = [];
  const run = (items: string[]) =>
    new Promise<Outcome<string>[]>((resolve, reject) => {
      const finish = () =>
        resolve(items.map((i) => (i.startsWith('broken') ? { error: new Error(i) } : { result: `${i}!` })));
      runs.push({ items, finish, fail: reject });
    });
  return { runs, run, dropped, drop: (item: string) => void dropped.push(item) };
}

/** The queue in front of one lane. */
const one = (
  { run, drop }: ReturnType<typeof device>,
  {
    maxBatch,
    ahead = false,
    ...options
  }: { maxBatch: number; ahead?: boolean } & Partial<LanesOptions<string, string>>,
) => new Lanes<string, string>({ lanes: [{ maxBatch, ahead, run, drop }], ...options });

/** As many lanes, each of a device of its own, and the queue in front of them. */
function several(count: number, maxBatch: number, options: Partial<LanesOptions<string, string>> = {}) {
  const devices = Array.from({ length: count }, device);
  const lanes = new Lanes<string, string>({ lanes: devices.map(({ run }) => ({ maxBatch, run })), ...options });
  const items = () => devices.map(({ runs }) => runs.at(-1)?.items ?? []);
  return { devices, lanes, items };
}

/** How an item of a tenant is submitted. */
const at = (key: string, more: Partial<SubmitOptions> = {}): SubmitOptions => ({
  place: { key, priority: 'interactive' },
  deadline: () => Number.POSITIVE_INFINITY,
  signal: new AbortController().signal,
  ...more,
});

const code = (expected: string) => (e: unknown) => e instanceof ServiceError && e.code === expected;

describe('lanes: one of them', () => {
  it('a lane runs a single item at once when the device is free', async () => {
    const lane = device();
    const { runs } = lane;
    const lanes = one(lane, { maxBatch: 4 });
    const answer = lanes.submit('a', at('t'));
    assert.deepEqual(runs[0]?.items, ['a']);
    runs[0]?.finish();
    assert.equal((await answer).result, 'a!');
  });

  it('a lane takes waiting items of tenants by their weights', async () => {
    const lane = device();
    const { runs } = lane;
    let time = 0;
    const lanes = one(lane, { maxBatch: 10, weightOf: (key) => (key === 'a' ? 4 : 1), now: () => time });
    const items = ['first', ...Array.from({ length: 20 }, (_, i) => `${i % 2 ? 'a' : 'b'}${i}`)];
    const answers = items.map((item) => lanes.submit(item, at(item[0] as string)));
    // lanes take full batches again some time after the arrival of a new tenant
    time = 60_000;
    runs[0]?.finish();
    await tick();
    const taken = (runs[1]?.items ?? []).map((item) => item[0]);
    assert.deepEqual([taken.filter((key) => key === 'a').length, taken.filter((key) => key === 'b').length], [8, 2]);
    for (let run = 1; run < 4; run++) {
      runs[run]?.finish();
      await tick();
    }
    assert.equal((await Promise.all(answers)).length, items.length);
  });

  it('a lane collects while the device works and keeps the order within a key', async () => {
    const lane = device();
    const { runs } = lane;
    const lanes = one(lane, { maxBatch: 3 });
    const answers = ['a', 'b', 'c', 'd', 'e'].map((i) => lanes.submit(i, at('t')));
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
    const lane = device();
    const { runs } = lane;
    const lanes = one(lane, { maxBatch: 4 });
    void lanes.submit('first', at('big'));
    for (let i = 0; i < 20; i++) void lanes.submit(`big${i}`, at('big'));
    void lanes.submit('small0', at('small'));
    void lanes.submit('small1', at('small'));
    runs[0]?.finish();
    await tick();
    // a tenant that had nothing here: one at a time while it asks
    const order: string[] = [];
    for (let i = 1; i <= 4; i++) {
      order.push(...(runs[i]?.items ?? []));
      runs[i]?.finish();
      await tick();
    }
    assert.deepEqual(order, ['small0', 'big0', 'small1', 'big1']);
  });

  it('a lane never runs an item past its deadline', async () => {
    const lane = device();
    const { runs } = lane;
    let now = 0;
    const lanes = one(lane, { maxBatch: 4, now: () => now });
    const first = lanes.submit('a', at('t'));
    const late = lanes.submit('late', at('t', { deadline: () => 50 }));
    const fine = lanes.submit('fine', at('t', { deadline: () => 500 }));
    now = 100;
    runs[0]?.finish();
    await first;
    await assert.rejects(late, code('deadline_exceeded'));
    assert.deepEqual(runs[1]?.items, ['fine']);
    runs[1]?.finish();
    assert.equal((await fine).queuedMs, 100);
  });

  it('a lane drops an item whose client has left before it reaches the device', async () => {
    const lane = device();
    const { runs } = lane;
    const lanes = one(lane, { maxBatch: 4 });
    const controller = new AbortController();
    void lanes.submit('a', at('t'));
    const left = lanes.submit('left', at('t', { signal: controller.signal }));
    void lanes.submit('stays', at('t'));
    controller.abort(new Error('gone'));
    await assert.rejects(left, /gone/);
    runs[0]?.finish();
    await tick();
    assert.deepEqual(runs[1]?.items, ['stays']);
    await assert.rejects(lanes.submit('x', at('t', { signal: controller.signal })), /gone/);
  });

  it('a failed run of a lane fails its own items only', async () => {
    const lane = device();
    const { runs } = lane;
    const lanes = one(lane, { maxBatch: 1 });
    const bad = lanes.submit('bad', at('t'));
    const good = lanes.submit('good', at('t'));
    runs[0]?.fail(new Error('boom'));
    await assert.rejects(bad, /boom/);
    runs[1]?.finish();
    assert.equal((await good).result, 'good!');
  });

  it('a lane waits for a fuller batch only when configured, and never past the limit', async () => {
    const lane = device();
    const { runs } = lane;
    const lanes = one(lane, { maxBatch: 2, waitMs: 30 });
    void lanes.submit('a', at('t'));
    assert.equal(runs.length, 0);
    void lanes.submit('b', at('t'));
    assert.deepEqual(runs[0]?.items, ['a', 'b']);
    runs[0]?.finish();
    await tick();
    void lanes.submit('c', at('t'));
    assert.equal(runs.length, 1);
    await until('the wait is over', 5000, () => runs.length === 2);
    assert.deepEqual(runs[1]?.items, ['c']);
  });

  it('no batch is handed over early while a light tenant has images', async () => {
    const lane = device();
    const lanes = one(lane, { maxBatch: 2, ahead: true });
    for (const item of ['a', 'b', 'c', 'd']) void lanes.submit(item, at('busy'));
    await tick();
    assert.deepEqual(
      lane.runs.map((r) => r.items),
      [['a'], ['b', 'c']],
    );
    void lanes.submit('light', at('light'));
    void lanes.submit('e', at('busy'));
    lane.runs[0]?.finish();
    await tick();
    assert.equal(lane.runs.length, 2, 'the lane still works');
    lane.runs[1]?.finish();
    await tick();
    assert.deepEqual(lane.runs[2]?.items, ['light']);
  });

  it('a lane hands a second batch over early only to a lane that takes one ahead, and only a full one', async () => {
    const lane = device();
    const { runs } = lane;
    const lanes = one(lane, { maxBatch: 2, ahead: true });
    const items = ['a', 'b', 'c', 'd', 'e'];
    const answers = items.map((item) => lanes.submit(item, at('t')));
    assert.deepEqual(
      runs.map((r) => r.items),
      [['a'], ['b', 'c']],
    );
    runs[0]?.finish();
    await tick();
    assert.deepEqual(runs[2]?.items, ['d', 'e'], 'before [b, c] has ended');
    void lanes.submit('f', at('t')).catch(() => {});
    assert.equal(runs.length, 3);
    runs[1]?.finish();
    await tick();
    assert.equal(runs.length, 3, 'one item is no full batch');
    runs[2]?.finish();
    await tick();
    assert.deepEqual(runs[3]?.items, ['f']);
    assert.equal((await Promise.all(answers)).length, 5);
  });

  it('an item that fails within a run fails alone', async () => {
    const lane = device();
    const lanes = one(lane, { maxBatch: 4 });
    const answers = ['a', 'broken', 'b'].map((item) => lanes.submit(item, at('t')));
    lane.runs[0]?.finish();
    await tick();
    lane.runs[1]?.finish();
    const settled = await Promise.allSettled(answers);
    assert.deepEqual(
      settled.map((s) => (s.status === 'fulfilled' ? s.value.result : String(s.reason))),
      ['a!', 'Error: broken', 'b!'],
    );
  });

  it('a lane learns of an item whose client leaves while the lane has it', async () => {
    const lane = device();
    const lanes = one(lane, { maxBatch: 4 });
    const leaving = new AbortController();
    const left = lanes.submit('left', at('t', { signal: leaving.signal }));
    leaving.abort(new Error('gone'));
    await assert.rejects(left, /gone/);
    assert.deepEqual(lane.dropped, ['left']);
    const next = lanes.submit('next', at('t'));
    lane.runs[0]?.finish();
    await tick();
    lane.runs[1]?.finish();
    assert.equal((await next).result, 'next!');
  });
});

describe('lanes: several of them', () => {
  it('each lane takes what waits as soon as it is free, and the others go on', async () => {
    const { devices, lanes, items } = several(2, 2);
    const answers = ['a', 'b', 'c', 'd', 'e'].map((item) => lanes.submit(item, at('t')));
    assert.deepEqual(items(), [['a'], ['b']]);
    devices[1]?.runs[0]?.finish();
    await tick();
    assert.deepEqual(items(), [['a'], ['c', 'd']]);
    devices[0]?.runs[0]?.finish();
    await tick();
    assert.deepEqual(items(), [['e'], ['c', 'd']]);
    for (const { runs } of devices) runs.at(-1)?.finish();
    assert.deepEqual(
      (await Promise.all(answers)).map((r) => r.result),
      ['a!', 'b!', 'c!', 'd!', 'e!'],
    );
  });

  it('waiting items are divided among the lanes that are free at the same time', async () => {
    const cores = new Cores();
    const { devices, lanes, items } = several(2, 4, { cores });
    void lanes.submit('alone', at('t'));
    assert.ok(cores.widen(), 'the only one that works may have all cores');
    for (const item of ['a', 'b', 'c', 'd']) void lanes.submit(item, at('t'));
    assert.deepEqual(items(), [['alone'], []], 'no lane begins while one run has all cores');
    devices[0]?.runs[0]?.finish();
    await tick();
    assert.deepEqual(items(), [
      ['a', 'b'],
      ['c', 'd'],
    ]);
    assert.ok(!cores.widen(), 'two lanes work');
  });

  it('lanes take one item at a time while a light tenant sends images, and full batches again later', async () => {
    let now = 0;
    const { devices, lanes, items } = several(1, 4, { now: () => now });
    const end = async () => {
      devices[0]?.runs.at(-1)?.finish();
      await tick();
    };
    const submit = (tenant: string, count: number) => {
      for (let i = 0; i < count; i++) void lanes.submit(`${tenant}${i}`, at(tenant));
    };
    submit('big', 9);
    await end();
    assert.equal(items()[0]?.length, 4);
    submit('small', 1);
    await end();
    assert.deepEqual(items()[0], ['small0'], 'it is next, and alone');
    await end();
    assert.equal(items()[0]?.length, 1);
    now = 3000;
    await end();
    assert.equal(items()[0]?.length, 3);
  });

  it('tenants that all keep the lanes busy get full batches', async () => {
    let now = 0;
    const { devices, lanes, items } = several(1, 4, { now: () => now });
    for (let i = 0; i < 12; i++) void lanes.submit(`a${i}`, at('a'));
    void lanes.submit('b0', at('b'));
    now = 3000;
    for (let i = 1; i < 12; i++) void lanes.submit(`b${i}`, at('b'));
    devices[0]?.runs[0]?.finish();
    await tick();
    assert.equal(items()[0]?.length, 4);
  });

  it('in any order of arrivals and ends no two runs share a lane, nothing runs twice, and nothing is left', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ tenant: fc.nat(3), ends: fc.nat(2) }), { maxLength: 40 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 4 }),
        async (steps, count, maxBatch) => {
          const cores = new Cores();
          const { devices, lanes } = several(count, maxBatch, { cores });
          const ended = devices.map(() => 0);
          const end = async (k: number) => {
            const { runs } = devices[k] as (typeof devices)[number];
            if ((ended[k] as number) === runs.length) return;
            runs[ended[k] as number]?.finish();
            ended[k] = (ended[k] as number) + 1;
            await tick();
            assert.ok(runs.length - (ended[k] as number) <= 1);
          };
          const answers = [];
          for (const [i, { tenant, ends }] of steps.entries()) {
            answers.push(lanes.submit(`${i}`, at(`${tenant}`)));
            if (ends < count) await end(ends);
          }
          const left = () => devices.some(({ runs }, k) => runs.length > (ended[k] as number));
          while (left()) for (const k of devices.keys()) await end(k);
          const results = (await Promise.all(answers)).map((r) => r.result);
          assert.deepEqual(
            results,
            steps.map((_, i) => `${i}!`),
          );
          const ran = devices.flatMap(({ runs }) => runs.flatMap(({ items }) => items));
          assert.equal(new Set(ran).size, ran.length);
          assert.ok(cores.enter() && cores.widen(), 'every core has been given back');
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('cores', () => {
  it('all cores go to a lane that works alone, and to none while another works', () => {
    const cores = new Cores();
    const elsewhere = new Cores(cores.shared);
    assert.ok(cores.enter());
    assert.ok(cores.enter());
    assert.ok(!elsewhere.widen());
    cores.leave();
    assert.ok(elsewhere.widen());
    assert.ok(!cores.enter());
    assert.ok(!elsewhere.widen());
    cores.leave();
    assert.ok(cores.enter());
  });
});

describe('how many lanes', () => {
  const MiB = 2 ** 20;

  it('an engine has a lane for each core while copies of the weights fit, else fewer and says why', () => {
    assert.deepEqual(lanesFor(8, 0, 15 * MiB), { lanes: 8 });
    const { lanes, why } = lanesFor(2, 0, 345 * MiB);
    assert.equal(lanes, 1);
    assert.match(why ?? '', /345 MiB for each lane.*CLIPN_LANES/);
    assert.equal(lanesFor(64, 0, 100 * MiB).lanes, 4);
    assert.deepEqual(lanesFor(2, 0, 0), { lanes: 2 });
  });

  it('an engine has one lane where the bundle was faster with all threads in one session, unless the setting says otherwise', () => {
    assert.equal(lanesFor(8, 0, 15 * MiB, { cores: 2, lanes: 1 }).lanes, 1);
    assert.equal(lanesFor(8, 0, 15 * MiB, { cores: 2, lanes: 2 }).lanes, 8);
    assert.equal(lanesFor(8, 0, 15 * MiB, { cores: 1, lanes: 1 }).lanes, 8);
    assert.equal(lanesFor(8, 4, 15 * MiB, { cores: 2, lanes: 1 }).lanes, 4);
  });

  it('the setting decides, up to the number of cores', () => {
    assert.deepEqual(lanesFor(4, 2, 345 * MiB), { lanes: 2 });
    assert.deepEqual(lanesFor(2, 9, MiB), { lanes: 2 });
  });
});

describe('how many images in the decoder', () => {
  it('lanes that run have no more of them together than threads, and at most four each', () => {
    for (const cores of [1, 2, 3, 8, 64]) {
      for (const wanted of [0, 1, 2, 5, 64]) {
        const { lanes } = lanesFor(cores, wanted, 2 ** 20);
        const threads = Math.max(1, Math.floor(cores / lanes));
        const each = decodesAtOnce({ threads });
        assert.ok(each >= 1 && each <= 4, `${each}`);
        assert.ok(each * lanes <= cores, `${lanes} lanes of ${each} images on ${cores} cores`);
      }
    }
  });

  it('a decoder of a device has four', () => {
    assert.equal(decodesAtOnce(undefined), 4);
  });
});

describe('how many images in a run', () => {
  it('a lane tries 1, 2 and 4 images, and no more than it may', () => {
    assert.deepEqual(batchSizes(4), [1, 2, 4]);
    assert.deepEqual(batchSizes(3), [1, 2, 3]);
    assert.deepEqual(batchSizes(1), [1]);
  });

  it('the smallest batch is taken whose images take at most 3 % longer than those of the fastest', () => {
    const runs = (...ms: [number, number, number]) =>
      [1, 2, 4].map((size, i) => ({ size, ms: size * (ms[i] as number) }));
    assert.equal(bestBatch(runs(10, 9, 8)), 4);
    assert.equal(bestBatch(runs(10, 8.2, 8)), 2);
    assert.equal(bestBatch(runs(10, 8.3, 8)), 4);
    assert.equal(bestBatch(runs(10, 12, 12)), 1);
  });

  it('the choice is the same at every start, though other work makes two of three runs up to three times as long', async () => {
    // processor milliseconds per image of clipn-small in int8, measured on two cores
    const quiet: Record<number, number> = { 1: 5.9, 2: 5.4, 4: 5.0 };
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(2), fc.double({ min: 0, max: 0.02, noNaN: true })), { minLength: 3, maxLength: 3 }),
        fc.infiniteStream(fc.double({ min: 1, max: 3, noNaN: true })),
        async (free, slowdowns) => {
          const turns = new Map<number, number>();
          const time = async (size: number) => {
            const turn = turns.get(size) ?? 0;
            turns.set(size, turn + 1);
            const [undisturbed, noise] = free[[4, 2, 1].indexOf(size)] as [number, number];
            const slower = turn === undisturbed ? 1 + noise : slowdowns.next().value;
            return size * (quiet[size] as number) * slower;
          };
          assert.equal(bestBatch(await compareBatches([4, 2, 1], time)), 4);
        },
      ),
    );
  });

  it('a device pads to powers of two, a CPU runs any number', () => {
    assert.deepEqual(bucketsUpTo(12, 'cuda'), [1, 2, 4, 8, 12]);
    assert.deepEqual(bucketsUpTo(3, 'cpu'), [1, 2, 3]);
  });
});
