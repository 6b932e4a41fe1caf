/**
 * `npm run bench -- beside [--other DIR]`: throughput on a quiet machine and beside one busy process for each core, in turns (quiet, busy, quiet,
 * busy). The busy processes have the priority of this program, as those of other users of a shared machine. With --other the same turns are
 * measured for the build of another checkout.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { usableCores } from '../../src/engine/index.ts';
import { closedLoop } from './load/loops.ts';
import { photographsOrMade } from './load/pictures.ts';
import type { Bench } from './main.ts';
import { withService } from './measure/target.ts';
import { fixed, median, table } from './report.ts';
import { from } from './service.ts';

const TURNS = 5;

/** One process for each core that never sleeps. */
class BusyProcesses {
  readonly #running: ChildProcess[] = [];

  start(): void {
    for (let i = 0; i < usableCores(); i++) {
      this.#running.push(spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }));
    }
  }

  stop(): void {
    for (const child of this.#running.splice(0)) child.kill('SIGKILL');
  }
}

export const beside: Bench = async ({ bundle: dir, seconds = 4, connections = [32], other }) => {
  const pictures = await photographsOrMade();
  const [clients = 32] = connections;
  const busy = new BusyProcesses();
  const rows: { build: string; turn: number; quiet: number; busy: number }[] = [];
  const builds = [
    ['this', undefined] as const,
    ...(other ? [['other', join(other, 'dist/cli/main.js')] as const] : []),
  ];
  for (const [build, command] of builds) {
    await withService({ dir, ...(command ? { command } : {}) }, async ({ url }) => {
      const rate = async () => (await closedLoop(url, clients, seconds, from(pictures))).count(200) / seconds;
      await closedLoop(url, 8, 2, from(pictures));
      try {
        for (let turn = 1; turn <= TURNS; turn++) {
          const quiet = await rate();
          busy.start();
          rows.push({ build, turn, quiet, busy: await rate() });
          busy.stop();
        }
      } finally {
        busy.stop();
      }
    });
  }
  table(
    ['build', 'turn', 'quiet/s', 'busy/s', 'busy / quiet'],
    rows.map((r) => [r.build, String(r.turn), fixed(r.quiet, 0), fixed(r.busy, 0), fixed(r.busy / r.quiet, 2)]),
  );
  for (const [build] of builds) {
    const ratios = rows.filter((r) => r.build === build).map((r) => r.busy / r.quiet);
    console.log(`${build}: median of ${TURNS} turns ${fixed(median(ratios), 2)}`);
  }
  return rows;
};
