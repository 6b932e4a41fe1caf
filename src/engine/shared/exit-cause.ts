import { readFileSync } from 'node:fs';

/**
 * Why an engine process ended. `hang`, `stall`, `memory_limit` and `start`: the supervisor ended it. `out_of_memory`: the kernel did.
 * `killed`: a signal from outside did, so no image is the cause.
 */
export const EXIT_CAUSES = ['crash', 'killed', 'out_of_memory', 'hang', 'stall', 'memory_limit', 'start'] as const;
export type ExitCause = (typeof EXIT_CAUSES)[number];

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

const FROM_OUTSIDE: readonly (NodeJS.Signals | null)[] = ['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'];

export function causeOf({ signal }: Exit, outOfMemory: boolean): ExitCause {
  if (signal === 'SIGKILL' && outOfMemory) return 'out_of_memory';
  return FROM_OUTSIDE.includes(signal) ? 'killed' : 'crash';
}

export function describeExit({ code, signal }: Exit, cause: ExitCause): string {
  const how = signal ? `signal ${signal}` : `code ${code}`;
  switch (cause) {
    case 'out_of_memory':
      return `${how}, the kernel's out-of-memory killer`;
    case 'killed':
      return `${how}, from outside`;
    default:
      return how;
  }
}

const read = (path: string) => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};

/** Number of processes of this container that the kernel has killed for lack of memory (cgroup v2 or v1); 0 if this is unknown. */
export function oomKills(root = '/sys/fs/cgroup', self = '/proc/self/cgroup'): number {
  const own = /^0::(\/.*)$/m.exec(read(self))?.[1] ?? '/';
  const files = [`${root}${own}/memory.events`, `${root}/memory.events`, `${root}/memory/memory.oom_control`];
  for (const file of files) {
    const count = /^oom_kill (\d+)$/m.exec(read(file))?.[1];
    if (count !== undefined) return Number(count);
  }
  return 0;
}
