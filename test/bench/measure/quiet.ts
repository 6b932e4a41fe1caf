import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Share of the cores that others may use, or that the host may take away, while a headline is measured. */
const MOST = 0.1;

/** Time of all cores since the start of the machine: all of it, and what was idle. */
export function coresTime(stat: string): { total: number; idle: number } {
  // user nice system idle iowait irq softirq steal; what follows is counted in user and nice already
  const times = (/^cpu\s+(.*)$/m.exec(stat)?.[1] ?? '').trim().split(/\s+/).slice(0, 8).map(Number);
  return { total: times.reduce((sum, t) => sum + t, 0), idle: (times[3] ?? 0) + (times[4] ?? 0) };
}

/** Why this is no moment for a headline; undefined while the machine is quiet, or where nothing is known of it. */
export async function busyWith(ms = 2000): Promise<string | undefined> {
  if (!existsSync('/proc/stat')) return undefined;
  const before = coresTime(readFileSync('/proc/stat', 'utf8'));
  await sleep(ms);
  const after = coresTime(readFileSync('/proc/stat', 'utf8'));
  const busy = 1 - (after.idle - before.idle) / Math.max(1, after.total - before.total);
  return busy > MOST ? `other work takes ${Math.round(100 * busy)} % of the cores` : undefined;
}
