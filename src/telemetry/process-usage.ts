import { readFile } from 'node:fs/promises';

/** USER_HZ, the kernel's unit of processor time: 100 per second on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

export interface ProcessUsage {
  cpuSeconds: number;
  residentBytes: number;
  threads: number;
}

/**
 * Resources of another process, from the kernel. The process need not answer, so this also works while it hangs.
 * Undefined if there is no such process, or no /proc.
 */
export async function processUsage(pid: number): Promise<ProcessUsage | undefined> {
  try {
    const [stat, status] = await Promise.all(
      ['stat', 'status'].map((name) => readFile(`/proc/${pid}/${name}`, 'utf8')),
    );
    // the second field is the command in parentheses, which may contain blanks and parentheses itself
    const fields = (stat as string).slice((stat as string).lastIndexOf(')') + 2).split(' ');
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status as string)?.[1];
    return {
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
      residentBytes: Number(kilobytes ?? 0) * 1024,
      threads: Number(fields[17]),
    };
  } catch {
    return undefined;
  }
}
