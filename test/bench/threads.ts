/**
 * `npm run bench -- threads`: which threads of the service can run at the same time under load. A thread in state R runs or waits for a core,
 * so more of them than cores wait. Source: proc(5), fields 3, 14 and 15 of stat.
 */
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { usableCores } from '../../src/engine/index.ts';
import { procStat } from '../helpers/proc-stat.ts';
import { closedLoop } from './load/loops.ts';
import { quantile } from './load/outcomes.ts';
import { photographsOrMade } from './load/pictures.ts';
import type { Bench } from './main.ts';
import { type Target, withService } from './measure/target.ts';
import { worksOf } from './measure/thread-times.ts';
import { fixed, table } from './report.ts';
import { from } from './service.ts';

const CLIENTS = 32;
const EVERY_MS = 4;

interface Thread {
  pid: number;
  tid: number;
  name: string;
  runnable: boolean;
  ticks: number;
}

function threadsOf(pid: number): Thread[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((tid) => {
    try {
      const { name, state, user, system } = procStat(pid, tid);
      return { pid, tid: Number(tid), name, runnable: state === 'R', ticks: user + system };
    } catch {
      return [];
    }
  });
}

/** The work of each thread, by the time that it spent between two samples. */
function kinds(first: Thread[], last: Thread[], { front, engine }: { front: number; engine: number }) {
  const before = new Map(first.map(({ tid, ticks }) => [tid, ticks]));
  const own = last
    .filter(({ pid }) => pid === engine)
    .map(({ tid, name, ticks }) => ({ tid, name, ms: ticks - (before.get(tid) ?? 0) }));
  const workOf = worksOf(own, engine, usableCores());
  return ({ pid, tid, name }: Thread): string => {
    if (pid === front) return tid === front ? 'front, main thread' : 'front, other threads';
    if (pid !== engine) return 'client';
    const work = workOf({ tid, name });
    return work === 'lanes' || work in DECODING ? work : `engine, ${work}`;
  };
}

const HELPERS_OF_V8 = 'engine, helpers of V8';

/** The threads that decode: names of `worksOf`. */
const DECODING = { 'pool of libuv': true, libvips: true };

export async function sample(target: Target, seconds: number) {
  const pids = { front: target.front, engine: target.engine() };
  const samples: Thread[][] = [];
  const until = performance.now() + seconds * 1000;
  while (performance.now() < until) {
    samples.push([pids.front, pids.engine, process.pid].flatMap(threadsOf));
    await sleep(EVERY_MS);
  }
  const kindOf = kinds(samples[0] as Thread[], samples.at(-1) as Thread[], pids);
  const names = new Set(samples.flat().map(kindOf));
  const counts = (of: (kind: string) => boolean) =>
    samples.map((all) => all.filter((thread) => thread.runnable && of(kindOf(thread))).length);
  return [
    ...[...names].sort().map((name) => ({ name, counts: counts((kind) => kind === name) })),
    { name: 'decoding and lanes', counts: counts((kind) => kind === 'lanes' || kind in DECODING) },
    {
      name: 'decoding, lanes, helpers of V8',
      counts: counts((kind) => kind === 'lanes' || kind in DECODING || kind === HELPERS_OF_V8),
    },
    { name: 'front and engine together', counts: counts((kind) => kind !== 'client') },
  ].map(({ name, counts: values }) => ({
    name,
    mean: values.reduce((sum, n) => sum + n, 0) / values.length,
    p95: quantile(values, 0.95),
    most: Math.max(...values),
    beyond: values.filter((n) => n > usableCores()).length / values.length,
  }));
}

export const threads: Bench = async ({ bundle: dir, seconds = 10 }) => {
  const pictures = await photographsOrMade();
  return withService({ dir }, async (target) => {
    await closedLoop(target.url, 8, 2, from(pictures));
    const load = closedLoop(target.url, CLIENTS, seconds + 1, from(pictures));
    await sleep(500);
    const rows = await sample(target, seconds);
    const imagesPerSecond = (await load).count(200) / (seconds + 1);
    console.log(`${CLIENTS} clients, ${fixed(imagesPerSecond, 0)} images/s; threads in state R\n`);
    table(
      ['threads', 'mean', 'p95', 'most', `share of samples above ${usableCores()}`],
      rows.map((r) => [r.name, fixed(r.mean, 2), String(r.p95), String(r.most), fixed(r.beyond, 3)]),
    );
    return { imagesPerSecond, rows };
  });
};
