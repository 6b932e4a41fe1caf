import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { waves } from '../helpers/images.ts';
import { temporaryDirectory } from '../helpers/paths.ts';
import { procStat } from '../helpers/proc-stat.ts';
import { ALL_LANES, sendImage, startService } from '../helpers/service.ts';

const LANES = 2;
const CLIENTS = 16;
const SAMPLES = 300;

interface Thread {
  tid: string;
  /** It runs, or waits for a core. */
  runnable: boolean;
  /** Processor time so far, in ticks of the clock. */
  ticks: number;
}

/** Threads of a process now, its main thread included. */
function threads(pid: number): Thread[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((tid) => {
    try {
      const { state, user, system } = procStat(pid, tid);
      return { tid, runnable: state === 'R', ticks: user + system };
    } catch {
      return [];
    }
  });
}

/** Part of the processor time below which a thread does no work of ours: on a busy machine V8's helpers wait for a core longer than they run. */
const HELPS = 0.03;

/** How many threads that do a part of the work were runnable in each sample. */
function busyThreads(samples: Thread[][]): number[] {
  const before = new Map(samples[0]?.map(({ tid, ticks }) => [tid, ticks]));
  const spent = (samples.at(-1) ?? []).map(({ tid, ticks }) => ({ tid, ticks: ticks - (before.get(tid) ?? 0) }));
  const least = HELPS * spent.reduce((sum, { ticks }) => sum + ticks, 0);
  const working = new Set(spent.filter(({ ticks }) => ticks >= least).map(({ tid }) => tid));
  return samples.map((sample) => sample.filter(({ tid, runnable }) => runnable && working.has(tid)).length);
}

it('under load, decoding and lanes together keep as many threads of the engine busy as it has cores', {
  skip: existsSync('/proc/self/task') ? false : 'needs /proc',
}, async (t) => {
  const service = await startService(t, await temporaryDirectory(t), {
    ...ALL_LANES,
    CLIPN_THREADS: String(LANES),
    CLIPN_CACHE_BYTES: '0',
  });
  // large enough for decoding to be half of the work
  const images = await Promise.all([1, 2, 3, 4].map((seed) => waves(900, 700, seed).jpeg({ quality: 90 }).toBuffer()));
  let loaded = true;
  let answered = 0;
  const clients = Array.from({ length: CLIENTS }, async (_, i) => {
    while (loaded) {
      const { status } = await sendImage(service.url, images[i % images.length] as Buffer);
      assert.equal(status, 200);
      answered++;
    }
  });
  while (answered < 2 * CLIENTS) await sleep(5);
  const samples: Thread[][] = [];
  while (samples.length < SAMPLES) {
    const pid = service.enginePid();
    samples.push(threads(pid).filter(({ tid }) => tid !== String(pid)));
    await sleep(3);
  }
  loaded = false;
  await Promise.all(clients);
  const counts = busyThreads(samples);
  const mean = counts.reduce((sum, n) => sum + n, 0) / counts.length;
  t.diagnostic(`${mean.toFixed(2)} on average, at most ${Math.max(...counts)}`);
  assert.ok(mean > 0.5, `the engine was loaded: ${mean}`);
  // a thread that passes an image on can run for a moment beside the thread that takes it
  assert.ok(mean <= LANES + 0.5, `${mean} threads can run on average`);
});
