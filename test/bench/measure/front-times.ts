import { existsSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Target } from './target.ts';

/** Observations of the front process since the last time they were taken; times in milliseconds. */
export interface Seen {
  /** From the head of a request until its answer was handed to the kernel, by status. */
  statuses: Record<string, number[]>;
  /** Pauses of the garbage collector. */
  pauses: number[];
  /** Delays of the event loop. */
  loopMs: { p50: number; p99: number };
}

/** Times of requests as the front process sees them: the environment for `withService`, and a function that asks for them. */
export function frontTimes() {
  const file = join(tmpdir(), `clipn-gate-bench-times-${process.pid}.json`);
  const module = new URL('./front-times.mjs', import.meta.url).href;
  return {
    env: { NODE_OPTIONS: `--import ${module}`, FRONT_TIMES_FILE: file },
    async take({ front }: Target): Promise<Seen> {
      rmSync(file, { force: true });
      process.kill(front, 'SIGWINCH');
      while (!existsSync(file)) {
        // throws if the front has ended
        process.kill(front, 0);
        await sleep(10);
      }
      const seen = JSON.parse(readFileSync(file, 'utf8'));
      rmSync(file);
      return seen;
    },
  };
}
