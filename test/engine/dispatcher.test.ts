import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as tick } from 'node:timers/promises';
import { Dispatcher } from '../../src/engine/front/admission/dispatcher.ts';
import type { DispatcherOptions } from '../../src/engine/front/admission/dispatcher-options.ts';
import type { EngineSlot } from '../../src/engine/front/admission/slot.ts';
import type { Detection, DetectRequest } from '../../src/engine/index.ts';
import { EngineLost } from '../../src/engine/ipc/engine-lost.ts';
import { ServiceError } from '../../src/errors/index.ts';

/** An engine under the test's control: every image waits until it is let go. */
class Slot implements EngineSlot {
  ready = true;
  readonly lastCause = 'crash';
  readonly calls: { name: string; signal: AbortSignal; finish(): void; fail(error: unknown): void }[] = [];
  readonly name: string;
  readonly window: number;

  constructor(name: string, window: number) {
    this.name = name;
    this.window = window;
  }

  send({ headId }: DetectRequest, signal: AbortSignal): Promise<Detection> {
    return new Promise((resolve, reject) => {
      const timing = { decode: 1, queue: 2, inference: 3 };
      this.calls.push({ name: headId, signal, finish: () => resolve({ timing } as Detection), fail: reject });
      signal.addEventListener('abort', () => reject(signal.reason));
    });
  }

  get names(): string[] {
    return this.calls.map((c) => c.name);
  }

  call(name: string) {
    const found = this.calls.findLast((c) => c.name === name);
    assert.ok(found, `${name} is not in ${this.names}`);
    return found;
  }

  async finish(...names: string[]): Promise<void> {
    for (const name of names) this.call(name).finish();
    await tick();
  }

  /** The process dies: everything inside is lost. */
  async die(): Promise<void> {
    this.ready = false;
    for (const { fail } of this.calls) fail(new EngineLost());
    await tick();
  }
}

const dispatcherOf = (slots: EngineSlot[], options: Partial<DispatcherOptions> = {}) => {
  const dispatcher = new Dispatcher({ maxQueue: 100, unavailable: () => 'it is being restarted', ...options });
  for (const slot of slots) dispatcher.addSlot(slot);
  return dispatcher;
};

/** The head is used as the image's name. */
const request = (name: string, more: Partial<DetectRequest> = {}): DetectRequest => ({
  bytes: new Uint8Array(1),
  headId: name,
  tenant: 'a',
  topK: 0,
  ...more,
});

const code = (expected: string) => (e: unknown) => e instanceof ServiceError && e.code === expected;

describe('dispatcher', () => {
  it("the dispatcher fills an engine's window, queues the rest, and sends more as answers come", async () => {
    const slot = new Slot('cpu', 2);
    const dispatcher = dispatcherOf([slot]);
    const answers = ['1', '2', '3', '4'].map((n) => dispatcher.submit(request(n)));
    assert.deepEqual(slot.names, ['1', '2']);
    assert.deepEqual([dispatcher.depth, dispatcher.inside], [2, 2]);
    await slot.finish('2');
    assert.deepEqual(slot.names, ['1', '2', '3']);
    await slot.finish('1', '3');
    await slot.finish('4');
    const { timing } = (await Promise.all(answers))[3] as Detection;
    assert.ok(timing.queue > 2, 'the time before the engine is part of the queue');
    assert.deepEqual([dispatcher.depth, dispatcher.inside], [0, 0]);
  });

  it('the dispatcher sends to the least loaded engine, also to one that is added later', async () => {
    const small = new Slot('cpu', 2);
    const large = new Slot('cuda:0', 4);
    const dispatcher = dispatcherOf([small, large]);
    for (let i = 0; i < 8; i++) void dispatcher.submit(request(String(i)));
    assert.deepEqual([small.calls.length, large.calls.length, dispatcher.depth], [2, 4, 2]);
    const late = new Slot('cuda:1', 1);
    dispatcher.addSlot(late);
    assert.deepEqual(late.names, ['6']);
    dispatcher.removeSlot(small);
    await small.finish('0');
    await large.finish(large.names[0] as string);
    assert.deepEqual([small.calls.length, large.names.at(-1)], [2, '7']);
  });

  it('the dispatcher answers 503 while no engine is ready and keeps its queue', async () => {
    const slot = new Slot('cpu', 1);
    const dispatcher = dispatcherOf([slot]);
    const lost = dispatcher.submit(request('inside'));
    const kept = dispatcher.submit(request('waiting'));
    const answered = assert.rejects(lost, code('engine_unavailable'));
    await slot.die();
    await answered;
    await assert.rejects(dispatcher.submit(request('new')), /it is being restarted/);
    assert.equal(dispatcher.depth, 1);
    slot.ready = true;
    dispatcher.wake();
    await slot.finish('waiting');
    await kept;
  });

  it('a deadline that passes without an engine is engine_unavailable, not deadline_exceeded', async () => {
    const slot = new Slot('cpu', 1);
    const dispatcher = dispatcherOf([slot]);
    dispatcher.submit(request('inside')).catch(() => {});
    const waiting = dispatcher.submit(request('waiting', { timeoutMs: 20 }));
    await Promise.all([slot.die(), assert.rejects(waiting, code('engine_unavailable'))]);
  });

  it('images that were inside a dead engine run alone and first, and are reported when they end it again', async () => {
    const slot = new Slot('cpu', 3);
    const losses: string[] = [];
    const dispatcher = dispatcherOf([slot], {
      afterLoss: ({ request: { headId }, losses: n }) => {
        losses.push(`${headId}${n}`);
        return n < 2 ? 'alone' : new ServiceError('image_undecodable', 'It kills the engine.');
      },
    });
    const answers = ['good', 'poison', 'other'].map((n) => dispatcher.submit(request(n)));
    const waiting = dispatcher.submit(request('waiting'));
    await slot.die();
    assert.deepEqual(losses, ['good1', 'poison1', 'other1']);
    assert.equal(dispatcher.depth, 4);
    slot.calls.length = 0;
    slot.ready = true;
    dispatcher.wake();
    assert.deepEqual(slot.names, ['good'], 'alone although the window has room');
    await slot.finish('good');
    assert.deepEqual(slot.names, ['good', 'poison']);
    slot.ready = false;
    slot.call('poison').fail(new EngineLost());
    await assert.rejects(answers[1] as Promise<unknown>, code('image_undecodable'));
    slot.ready = true;
    dispatcher.wake();
    await slot.finish('other');
    assert.deepEqual(slot.names, ['good', 'poison', 'other', 'waiting']);
    await slot.finish('waiting');
    await Promise.all([answers[0], answers[2], waiting]);
  });

  it('one engine is emptied for an image that ended an engine, while the others continue', async () => {
    const [a, b] = [new Slot('a', 2), new Slot('b', 2)];
    const dispatcher = dispatcherOf([a], { afterLoss: () => 'alone' });
    void dispatcher.submit(request('retried'));
    await a.die();
    dispatcher.addSlot(b);
    await b.finish('retried');
    for (const n of ['1', '2']) void dispatcher.submit(request(n));
    a.calls.length = 0;
    a.ready = true;
    const again = dispatcher.submit(request('3'));
    await a.die();
    a.ready = true;
    for (let i = 4; i < 9; i++) void dispatcher.submit(request(String(i)));
    assert.deepEqual([a.names.at(-1), b.names.slice(-2)], ['3', ['1', '2']], 'it ran at once where nothing was inside');
    await b.finish('1');
    assert.equal(b.names.at(-1), '4');
    await a.finish('3');
    await again;
    assert.deepEqual(a.names.slice(-2).sort(), ['5', '6']);
  });

  it('a tenant with less than its share inside an engine does not wait for a batch of others', async () => {
    const slot = new Slot('cpu', 6);
    const dispatcher = dispatcherOf([slot]);
    for (let i = 0; i < 10; i++) void dispatcher.submit(request(`big${i}`, { tenant: 'big' }));
    for (let i = 0; i < 6; i++) void dispatcher.submit(request(`small${i}`, { tenant: 'small' }));
    assert.deepEqual(slot.names.slice(6), ['small0', 'small1', 'small2'], 'half of the window is its share');
    assert.equal(dispatcher.depth, 7);
    for (const tenant of ['c', 'd', 'e']) void dispatcher.submit(request(tenant, { tenant }));
    assert.deepEqual(slot.names.slice(9), ['c'], 'a little beyond the window and no more');
  });

  it('a full queue refuses a request, but has room for the first one of another tenant', async () => {
    const dispatcher = dispatcherOf([new Slot('cpu', 1)], { maxQueue: 18 });
    const outcomes: unknown[] = [];
    for (let i = 0; i < 30; i++)
      dispatcher.submit(request(`big${i}`, { tenant: 'big' })).catch((e) => outcomes.push(e));
    await tick();
    assert.equal(dispatcher.depth, 16);
    assert.equal(outcomes.length, 13);
    assert.ok(outcomes.every(code('overloaded')));
    assert.ok(outcomes.every((e) => ((e as ServiceError).retryAfterSeconds as number) >= 1));
    void dispatcher.submit(request('small', { tenant: 'small' }));
    assert.equal(dispatcher.depth, 17, 'the window of one is no room to share');
    assert.throws(() => dispatcher.check({ tenant: 'big', images: 1 }), code('overloaded'));
    assert.throws(() => dispatcher.check({ tenant: 'third', images: 2 }), code('overloaded'));
    dispatcher.check({ tenant: 'third', images: 1 });
  });

  it('a request that cannot be reached before its deadline is refused on arrival, with a Retry-After', async () => {
    let now = 0;
    const slot = new Slot('cpu', 1);
    const dispatcher = dispatcherOf([slot], { now: () => now });
    const first = dispatcher.submit(request('first'));
    now = 200; // one image takes 200 ms
    await slot.finish('first');
    await first;
    for (let i = 0; i < 11; i++) dispatcher.submit(request(`b${i}`)).catch(() => {});
    await assert.rejects(dispatcher.submit(request('late', { timeoutMs: 2000 })), (e: ServiceError) => {
      assert.deepEqual([e.code, e.retryAfterSeconds], ['overloaded', 3]);
      return true;
    });
    dispatcher.submit(request('in time', { timeoutMs: 2600 })).catch(() => {});
    dispatcher.submit(request('other tenant', { tenant: 'small', timeoutMs: 700 })).catch(() => {});
    assert.equal(dispatcher.depth, 12);
    dispatcher.close();
  });

  it('an idle engine takes any request, whatever rate was measured before', async () => {
    let now = 0;
    const slot = new Slot('cpu', 2);
    const dispatcher = dispatcherOf([slot], { now: () => now });
    const first = dispatcher.submit(request('first'));
    now = 60_000;
    await slot.finish('first');
    await first;
    const second = dispatcher.submit(request('second', { timeoutMs: 5000 }));
    await slot.finish('second');
    await second;
  });

  it('a request past its deadline is never sent, and one that passes it inside the engine is aborted there', async () => {
    const slot = new Slot('cpu', 1);
    const dispatcher = dispatcherOf([slot]);
    const inside = dispatcher.submit(request('inside', { timeoutMs: 20 }));
    const waiting = dispatcher.submit(request('waiting', { timeoutMs: 10 }));
    await Promise.all([inside, waiting].map((answer) => assert.rejects(answer, code('deadline_exceeded'))));
    assert.ok(slot.call('inside').signal.aborted);
    await tick();
    assert.deepEqual([slot.names, dispatcher.depth, dispatcher.inside], [['inside'], 0, 0]);
  });

  it('a queued request whose client has left is dropped without reaching an engine', async () => {
    const slot = new Slot('cpu', 1);
    const dispatcher = dispatcherOf([slot]);
    const leaving = new AbortController();
    void dispatcher.submit(request('inside'));
    const left = dispatcher.submit(request('left'), leaving.signal);
    leaving.abort(new Error('gone'));
    await assert.rejects(left, /gone/);
    await assert.rejects(dispatcher.submit(request('too late'), leaving.signal), /gone/);
    await slot.finish('inside');
    assert.deepEqual([slot.names, dispatcher.depth], [['inside'], 0]);
  });

  it('a full queue takes a few probes', async () => {
    const slot = new Slot('cpu', 1);
    const dispatcher = dispatcherOf([slot], { maxQueue: 1 });
    for (const n of ['1', '2']) void dispatcher.submit(request(n));
    for (let i = 0; i < 4; i++) void dispatcher.submit(request(`probe${i}`, { priority: 'probe' }));
    await assert.rejects(dispatcher.submit(request('flood', { priority: 'probe' })), code('overloaded'));
    await slot.finish('1');
    assert.equal(slot.names.at(-1), 'probe0');
  });

  it('the service rate counts the time of the work and not the idle time between', async () => {
    const slot = new Slot('cpu', 1);
    let now = 0;
    const dispatcher = dispatcherOf([slot], { maxQueue: 1, now: () => now });
    for (let i = 0; i < 5; i++) {
      const answer = dispatcher.submit(request(String(i)));
      now += 200;
      await slot.finish(String(i));
      await answer;
      now += 3000;
    }
    for (const n of ['x', 'y']) void dispatcher.submit(request(n));
    assert.throws(
      () => dispatcher.check({ tenant: 'b', images: 1 }),
      (e: ServiceError) => e.retryAfterSeconds === 1,
    );
  });
});
