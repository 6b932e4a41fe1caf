/** `npm run bench -- fairness`: a tenant that asks for a little, alone and beside one that asks for twenty times as much. */
import { closedLoop, openLoop } from './load/loops.ts';
import { summary } from './load/outcomes.ts';
import { photographsOrMade } from './load/pictures.ts';
import type { Bench } from './main.ts';
import { withService } from './measure/target.ts';
import { fixed, table } from './report.ts';
import { from } from './service.ts';

const TIMES = 20;
/** Share of the peak that the small tenant asks for: together they ask for twice as much as there is. */
const SMALL = 0.1;

export const fairness: Bench = async ({ bundle: dir, seconds = 20 }) => {
  const pictures = await photographsOrMade();
  const tenants = ['small', 'big'];
  return withService({ dir, tenants }, async (target) => {
    await closedLoop(target.url, 8, 3, from(pictures));
    const peak = (await closedLoop(target.url, 32, 6, from(pictures))).count(200) / 6;
    const rate = SMALL * peak;
    const small = () => openLoop(target.url, { rate, seconds }, from(pictures, ['small']));
    const alone = await small();
    const [beside, big] = await Promise.all([
      small(),
      openLoop(target.url, { rate: TIMES * rate, seconds }, from(pictures, ['big'])),
    ]);
    const batchMs = big.mean('inference');
    const results = {
      peak,
      rate,
      alone: summary(alone.of(200)),
      beside: summary(beside.of(200)),
      big: summary(big.of(200)),
      statuses: { small: beside.statuses, big: big.statuses },
      batchMs,
      bound: 2 * summary(alone.of(200)).p99 + batchMs,
    };
    table(
      ['', 'asked/s', 'verdicts/s', 'p50', 'p95', 'p99 ms', 'statuses'],
      (
        [
          ['small alone', rate, results.alone, alone.statuses],
          ['small beside big', rate, results.beside, beside.statuses],
          ['big', TIMES * rate, results.big, big.statuses],
        ] as const
      ).map(([name, asked, s, statuses]) => [
        name,
        fixed(asked, 0),
        fixed(s.n / seconds, 0),
        ...[s.p50, s.p95, s.p99].map((v) => fixed(v)),
        JSON.stringify(statuses),
      ]),
    );
    console.log(
      `\na run took ${fixed(batchMs)} ms; 2 x p99 alone + one run = ${fixed(results.bound)} ms, measured ${fixed(results.beside.p99)} ms`,
    );
    return results;
  });
};
