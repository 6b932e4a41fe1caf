import { readFileSync } from 'node:fs';

/** A line of stat in /proc. Source: proc(5). */
export interface ProcStat {
  name: string;
  /** R: it runs or waits for a core. */
  state: string;
  parent: number;
  /** Processor time in ticks of the clock, in programs and in the kernel. */
  user: number;
  system: number;
  nice: number;
}

/** A process, or one of its threads. @throws where there is no /proc, and after its end */
export function procStat(pid: number | string, thread?: number | string): ProcStat {
  const text = readFileSync(`/proc/${pid}/${thread === undefined ? '' : `task/${thread}/`}stat`, 'utf8');
  // the name may have any characters, brackets and blanks too
  const end = text.lastIndexOf(')');
  // the first of these is field 3 of proc(5)
  const fields = text.slice(end + 2).split(' ');
  const field = (number: number) => Number(fields[number - 3]);
  return {
    name: text.slice(text.indexOf('(') + 1, end),
    state: fields[0] as string,
    parent: field(4),
    user: field(14),
    system: field(15),
    nice: field(19),
  };
}
