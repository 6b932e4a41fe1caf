/** Processor time of the threads of a process, by their work. Linux only: from /proc. Source: proc(5), fields 14 and 15 of stat; schedstat. */
import { readdirSync, readFileSync } from 'node:fs';
import { procStat } from '../../helpers/proc-stat.ts';

interface ThreadTime {
  tid: number;
  name: string;
  /** Processor milliseconds since the thread began. */
  ms: number;
  /** Clock ticks in user mode and in the kernel. */
  user: number;
  system: number;
}

export interface Part {
  /** Processor milliseconds. */
  ms: number;
  /** Share of it in the kernel; counted in ticks of 10 ms, so that short parts are not exact. */
  system: number;
}

function read(pid: number): ThreadTime[] {
  const threads = readdirSync(`/proc/${pid}/task`).flatMap((tid) => {
    try {
      const { name, user, system } = procStat(pid, tid);
      const [ns] = readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8').split(' ');
      return { tid: Number(tid), name, ms: Number(ns) / 1e6, user, system };
    } catch {
      // the thread has ended
      return [];
    }
  });
  return threads.sort((a, b) => a.tid - b.tid);
}

/** Threads that Node.js starts before any other: V8's compiler and garbage collector run there. */
const HELPERS = 5;

/** Lanes are those threads of the engine that spend most; libvips names its own threads. */
export function worksOf(
  threads: readonly Pick<ThreadTime, 'tid' | 'name' | 'ms'>[],
  pid: number,
  lanes: number,
): (thread: Pick<ThreadTime, 'tid' | 'name'>) => string {
  const helpers = new Set(
    threads
      .filter(({ tid }) => tid !== pid)
      .slice(0, HELPERS)
      .map(({ tid }) => tid),
  );
  const others = threads.filter(({ tid, name }) => tid !== pid && !helpers.has(tid) && name === 'node');
  const busiest = new Set(
    [...others]
      .sort((a, b) => b.ms - a.ms)
      .slice(0, lanes)
      .map(({ tid }) => tid),
  );
  return ({ tid, name }) => {
    if (tid === pid) return 'main thread';
    if (helpers.has(tid)) return 'helpers of V8';
    if (busiest.has(tid)) return 'lanes';
    return name === 'node' ? 'pool of libuv' : 'libvips';
  };
}

/**
 * Runs `task`, and returns the processor time of each kind of thread meanwhile.
 * @param processes their process ids by name; `lanes` is the number of lanes in each
 */
export async function threadTimesDuring<T>(
  processes: Record<string, { pid: number; lanes: number }>,
  task: () => Promise<T>,
): Promise<{ result: T; parts: Record<string, Part> }> {
  const before = Object.values(processes).map(({ pid }) => new Map(read(pid).map((thread) => [thread.tid, thread])));
  const result = await task();
  const sums: Record<string, { ms: number; user: number; system: number }> = {};
  for (const [i, [name, { pid, lanes }]] of Object.entries(processes).entries()) {
    const spent = read(pid).map((thread) => {
      const { ms, user, system } = before[i]?.get(thread.tid) ?? { ms: 0, user: 0, system: 0 };
      return { ...thread, ms: thread.ms - ms, user: thread.user - user, system: thread.system - system };
    });
    const workOf = worksOf(spent, pid, lanes);
    for (const thread of spent) {
      sums[`${name}, ${workOf(thread)}`] ??= { ms: 0, user: 0, system: 0 };
      const sum = sums[`${name}, ${workOf(thread)}`] as (typeof sums)[string];
      sum.ms += thread.ms;
      sum.user += thread.user;
      sum.system += thread.system;
    }
  }
  const parts = Object.entries(sums).map(([name, { ms, user, system }]): [string, Part] => [
    name,
    { ms, system: system / Math.max(1, user + system) },
  ]);
  return { result, parts: Object.fromEntries(parts) };
}
