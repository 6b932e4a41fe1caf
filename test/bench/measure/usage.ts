import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { procStat } from '../../helpers/proc-stat.ts';

export interface Usage {
  /** Processor seconds since the process began, all threads, or NaN where the kernel doesn't say. */
  cpu: number;
  /** Resident bytes now, and their peak. */
  rss: number;
  peak: number;
}

let ticks: number | undefined;
const ticksPerSecond = () => {
  ticks ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  return ticks;
};

/** Linux only: from /proc. Elsewhere, and for a process that has ended, every figure is NaN. */
export function usage(pid: number): Usage {
  try {
    const { user, system } = procStat(pid);
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const kilobytes = (name: string) => 1024 * Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]);
    return {
      cpu: (user + system) / ticksPerSecond(),
      rss: kilobytes('VmRSS'),
      peak: kilobytes('VmHWM'),
    };
  } catch {
    return { cpu: Number.NaN, rss: Number.NaN, peak: Number.NaN };
  }
}

/** Processor seconds that `processes` and this one (as `client`) spend while `task` runs. */
export async function cpuDuring<K extends string, T>(
  processes: Record<K, number>,
  task: () => Promise<T>,
): Promise<{ result: T; seconds: number; cpu: Record<K | 'client', number> }> {
  const names = Object.keys(processes) as K[];
  const before = names.map((name) => usage(processes[name]).cpu);
  const own = process.cpuUsage();
  const began = performance.now();
  const result = await task();
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(own);
  const cpu = { client: (user + system) / 1e6 } as Record<K | 'client', number>;
  for (const [i, name] of names.entries()) cpu[name] = usage(processes[name]).cpu - (before[i] as number);
  return { result, seconds, cpu };
}
