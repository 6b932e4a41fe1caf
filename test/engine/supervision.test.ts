import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fleetStatus, namesOf } from '../../src/engine/front/fleet.ts';
import { Backoff } from '../../src/engine/front/supervision/backoff.ts';
import { Quarantine } from '../../src/engine/front/supervision/quarantine.ts';
import { type ThreadTime, threadTime } from '../../src/engine/front/supervision/thread-time.ts';
import { Watchdog, type WatchdogOptions } from '../../src/engine/front/supervision/watchdog.ts';
import { EngineLost } from '../../src/engine/ipc/engine-lost.ts';
import { causeOf, oomKills } from '../../src/engine/shared/exit-cause.ts';
import type { DetectRequest, EngineStatus } from '../../src/engine/shared/types.ts';
import { ServiceError } from '../../src/errors/index.ts';

describe('back-off', () => {
  it('the back-off doubles up to half a minute, with jitter, and resets after a stable time', () => {
    const longest = new Backoff(() => 1);
    assert.deepEqual(
      Array.from({ length: 11 }, () => longest.next(1000)),
      [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000],
    );
    assert.equal(longest.next(30_000), 100);
    assert.equal(longest.attempts, 1);
    assert.equal(new Backoff(() => 0).next(0), 50);
  });
});

describe('causes of the end of a process', () => {
  it('crash, kill from outside and out of memory are different causes', () => {
    assert.equal(causeOf({ code: null, signal: 'SIGSEGV' }, false), 'crash');
    assert.equal(causeOf({ code: 70, signal: null }, true), 'crash');
    assert.equal(causeOf({ code: null, signal: 'SIGKILL' }, false), 'killed');
    assert.equal(causeOf({ code: null, signal: 'SIGKILL' }, true), 'out_of_memory');
  });

  it("kills by the kernel because of lack of memory are counted from the cgroup's events", () => {
    const root = mkdtempSync(join(tmpdir(), 'cgroup-'));
    const none = join(root, 'no self');
    assert.equal(oomKills(root, none), 0);
    writeFileSync(join(root, 'memory.events'), 'low 0\noom 4\noom_kill 3\noom_group_kill 0\n');
    assert.equal(oomKills(root, none), 3);
  });
});

describe('watchdog', () => {
  /** With a clock of its own: `tick` is one tick of the real one. */
  function watch(t: TestContext, options: Partial<WatchdogOptions> = {}) {
    t.mock.timers.enable({ apis: ['setInterval'] });
    const faults: unknown[][] = [];
    let pings = 0;
    const watchdog = new Watchdog({
      stallMs: 2000,
      maxMemoryBytes: 0,
      inside: () => 0,
      ping: () => pings++,
      onFault: (...fault) => faults.push(fault),
      ...options,
    });
    const tick = (times = 1) => {
      for (let i = 0; i < times; i++) t.mock.timers.tick(250);
    };
    return { watchdog, faults, tick, pings: () => pings };
  }

  it('the watchdog does not end a process that answers', (t) => {
    const { watchdog, faults, tick, pings } = watch(t);
    for (let i = 0; i < 100; i++) {
      tick();
      watchdog.heard();
    }
    assert.deepEqual([faults, pings()], [[], 100]);
  });

  it('the watchdog ends a process that is silent for a second and a half, once', (t) => {
    const { faults, tick } = watch(t);
    tick(5);
    assert.deepEqual(faults, []);
    tick(20);
    assert.deepEqual(faults, [['hang', 'no answer for 1500 ms']]);
  });

  it('the watchdog ends a silent process that wanted to run and got no processor ten times later', (t) => {
    const counts: [ThreadTime, boolean][] = [
      // in each tick: it waited and ran a little; it still waits; it loops; it sleeps or is stopped
      [{ waitedMs: 200, ranMs: 50, runnable: false }, true],
      [{ waitedMs: 0, ranMs: 0, runnable: true }, true],
      [{ waitedMs: 0, ranMs: 250, runnable: true }, false],
      [{ waitedMs: 0, ranMs: 0, runnable: false }, false],
    ];
    for (const [each, starved] of counts) {
      let ticks = 0;
      const time = () => {
        ticks++;
        return { ...each, waitedMs: each.waitedMs * ticks, ranMs: each.ranMs * ticks };
      };
      const { faults, tick } = watch(t, { time });
      tick(6);
      assert.equal(faults.length, starved ? 0 : 1, JSON.stringify(each));
      tick(50);
      assert.equal(faults[0]?.[0], 'hang');
      t.mock.timers.reset();
    }
  });

  it('the time of a thread is that of this process, and unknown for one that has ended', {
    skip: process.platform === 'linux' ? false : 'needs /proc',
  }, () => {
    const before = threadTime(process.pid);
    const end = process.cpuUsage().user + 60_000;
    while (process.cpuUsage().user < end);
    const now = threadTime(process.pid);
    assert.ok(before && now?.runnable);
    assert.ok(now.ranMs - before.ranMs > 20 && now.waitedMs >= before.waitedMs, JSON.stringify([before, now]));
    assert.equal(threadTime(0), undefined);
    assert.equal(threadTime(undefined), undefined);
  });

  it('the watchdog ends a process whose images wait without progress, later for slow models', (t) => {
    for (const [batch, ticks] of [
      [0, 8],
      [1, 15],
    ] as const) {
      const { watchdog, faults, tick } = watch(t, { inside: () => 3 });
      if (batch) watchdog.batch(batch);
      for (let i = 0; i < ticks; i++) {
        tick();
        watchdog.heard();
      }
      assert.deepEqual(faults, [], `a batch of ${batch} s`);
      tick(2);
      assert.equal(faults[0]?.[0], 'stall');
      t.mock.timers.reset();
    }
  });

  it('for the watchdog, a finished image and an empty engine are progress', (t) => {
    let inside = 1;
    const { watchdog, faults, tick } = watch(t, { inside: () => inside });
    for (let i = 0; i < 40; i++) {
      tick();
      watchdog.heard();
      if (i % 8 === 7) watchdog.progress();
    }
    inside = 0;
    for (let i = 0; i < 40; i++) {
      tick();
      watchdog.heard();
    }
    assert.deepEqual(faults, []);
  });

  it('the watchdog ends a process over its memory bound, and one with an endless decoder, naming the image', (t) => {
    const full = watch(t, { maxMemoryBytes: 100 });
    full.watchdog.vitals({ rss: 100, decoding: null });
    assert.deepEqual(full.faults, []);
    full.watchdog.vitals({ rss: 101, decoding: null });
    assert.equal(full.faults[0]?.[0], 'memory_limit');
    t.mock.timers.reset();
    const stuck = watch(t);
    stuck.watchdog.vitals({ rss: 1, decoding: { sha256: 'ab', ms: 1999 } });
    assert.deepEqual(stuck.faults, []);
    stuck.watchdog.vitals({ rss: 1, decoding: { sha256: 'ab', ms: 2001 } });
    t.mock.timers.reset();
    const alone = watch(t, { inside: () => 1 });
    alone.watchdog.vitals({ rss: 1, decoding: { sha256: 'cd', ms: 1700 } });
    for (let i = 0; i < 12; i++) {
      alone.tick();
      alone.watchdog.heard();
    }
    assert.deepEqual(alone.faults[0]?.slice(0, 1).concat(alone.faults[0]?.[2]), ['stall', 'cd']);
    assert.deepEqual(stuck.faults[0], ['stall', 'an image has been decoded for 2001 ms', 'ab']);
  });
});

describe('quarantine', () => {
  const request = (name: string): DetectRequest => ({ bytes: Buffer.from(name), headId: 'h', tenant: 't', topK: 1 });
  const rejected = (e: unknown) => e instanceof ServiceError && e.code === 'image_rejected' && e.status === 422;

  it('an image that was inside a dead engine is retried once alone, then refused, then refused on arrival', () => {
    const quarantine = new Quarantine();
    const poison = request('poison');
    assert.equal(quarantine.afterLoss(poison, 1, 'crash'), 'alone');
    quarantine.check(poison.bytes);
    assert.ok(rejected(quarantine.afterLoss(poison, 2, 'out_of_memory')));
    assert.throws(() => quarantine.check(Buffer.from('poison')), rejected);
    quarantine.check(Buffer.from('another'));
    assert.ok(rejected(quarantine.afterLoss(request('poison'), 1, 'crash')), 'one that was already inside');
  });

  it('no image is quarantined after a kill from outside', () => {
    const quarantine = new Quarantine();
    const unaffected = request('unaffected');
    for (const [at, cause] of (['killed', 'hang', 'hang'] as const).entries()) {
      assert.equal(quarantine.afterLoss(unaffected, at + 1, cause), 'alone');
    }
    assert.equal(quarantine.afterLoss(unaffected, 4, 'crash'), 'alone');
    assert.ok(quarantine.afterLoss(request('unlucky'), 4, 'killed') instanceof EngineLost);
    assert.ok(quarantine.afterLoss(request('late'), 4, 'hang') instanceof EngineLost);
    assert.equal(quarantine.size, 0);
  });

  it('an image that is decoded without end is quarantined the second time, even if its client has left', () => {
    const quarantine = new Quarantine();
    const hash = createHash('sha256').update('endless').digest('hex');
    quarantine.stalled(hash);
    quarantine.check(Buffer.from('endless'));
    quarantine.stalled(hash);
    assert.throws(() => quarantine.check(Buffer.from('endless')), rejected);
  });
});

describe('several engines as one', () => {
  const engine = (state: EngineStatus['state'], name = 'cpu'): EngineStatus => ({
    name,
    state,
    ...(state === 'ready' ? { pid: 1 } : { reason: `it is ${state}` }),
    device: name,
    precision: 'fp32',
    restarts: 1,
    inFlight: 2,
  });

  it('a fleet of engines is ready when one is, names those that are not, and adds up their counts', () => {
    const { engines, ...status } = fleetStatus([engine('restarting', 'cuda:0'), engine('ready')]);
    assert.deepEqual(status, {
      state: 'ready',
      reason: 'cuda:0: it is restarting',
      device: 'cuda:0,cpu',
      precision: 'fp32',
      pid: 1,
      restarts: 2,
      inFlight: 4,
    });
    assert.equal(engines.length, 2);
    assert.equal(fleetStatus([engine('failed')]).reason, 'it is failed');
  });

  it('engines that share a device are numbered', () => {
    assert.deepEqual(namesOf(['cpu', 'cuda:0', 'cpu', 'cpu']), ['cpu', 'cuda:0', 'cpu#2', 'cpu#3']);
  });
});
