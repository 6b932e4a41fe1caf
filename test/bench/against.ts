/**
 * `npm run bench -- against --other DIR`: this build and that of another checkout in turns (A, B, A, B), both running all the time. Each turn's
 * figures are printed: the ratio within a pair holds where the machine is busy with other work, too.
 */
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { closedLoop } from './load/loops.ts';
import { summary } from './load/outcomes.ts';
import { photographsOrMade } from './load/pictures.ts';
import type { Bench } from './main.ts';
import { withService } from './measure/target.ts';
import { fixed, median, table } from './report.ts';
import { from } from './service.ts';

const TURNS = 5;

export const against: Bench = async ({ bundle: dir, seconds = 4, connections = [1, 32], other }) => {
  if (other === undefined) throw new Error('--other names a checkout that is built');
  const pictures = await photographsOrMade();
  const rows: { clients: number; turn: number; here: number; there: number; p50: number[]; load: number }[] = [];
  await withService({ dir }, (a) =>
    withService({ dir, command: join(other, 'dist/cli/main.js') }, async (b) => {
      for (const { url } of [a, b]) await closedLoop(url, 8, 2, from(pictures));
      for (const clients of connections) {
        for (let turn = 0; turn < TURNS; turn++) {
          const mine = await closedLoop(a.url, clients, seconds, from(pictures));
          const theirs = await closedLoop(b.url, clients, seconds, from(pictures));
          rows.push({
            clients,
            turn,
            here: mine.count(200) / seconds,
            there: theirs.count(200) / seconds,
            p50: [summary(mine.of(200)).p50, summary(theirs.of(200)).p50],
            load: loadavg()[0] as number,
          });
        }
      }
    }),
  );
  table(
    ['clients', 'turn', 'here/s', 'there/s', 'ratio', 'p50 here', 'there ms', 'load'],
    rows.map((r) => [
      String(r.clients),
      String(r.turn + 1),
      fixed(r.here, 0),
      fixed(r.there, 0),
      fixed(r.here / r.there, 2),
      ...r.p50.map((v) => fixed(v)),
      fixed(r.load),
    ]),
  );
  for (const clients of connections) {
    const ratios = rows.filter((r) => r.clients === clients).map((r) => r.here / r.there);
    console.log(`${clients} clients: median ratio of ${TURNS} turns ${fixed(median(ratios), 2)}`);
  }
  return rows;
};
