/**
 * `npm run bench -- rolling`: three services behind a balancer that works as a Service of Kubernetes does, a constant load, and fifty times
 * (`--count`) one of them ended by SIGTERM and started again. Counts the requests that were not answered with 200.
 */
import { rollingRestarts } from '../helpers/rolling.ts';
import { summary } from './load/outcomes.ts';
import { photographsOrMade } from './load/pictures.ts';
import type { Bench } from './main.ts';
import { fixed, table } from './report.ts';
import { from } from './service.ts';

const CLIENTS = 8;
const PAUSE_MS = 150;

export const rolling: Bench = async ({ count: restarts = 50 }) => {
  const pictures = await photographsOrMade();
  const cleanUp: (() => unknown)[] = [];
  const began = performance.now();
  try {
    const outcomes = await rollingRestarts(
      { after: (task) => void cleanUp.push(task as () => unknown) },
      {
        restarts,
        clients: CLIENTS,
        pauseMs: PAUSE_MS,
        next: from(pictures),
        onRestart: (done, { statuses }) =>
          console.log(`${String(done).padStart(4)} of ${restarts} restarts, answers ${JSON.stringify(statuses)}`),
      },
    );
    const seconds = (performance.now() - began) / 1000;
    const { n, p50, p99, max } = summary(outcomes.of(200));
    const failed = outcomes.count() - n;
    console.log();
    table(
      ['restarts', 'requests', 'failed', 'requests/s', 'p50 ms', 'p99 ms', 'longest ms'],
      [[restarts, outcomes.count(), failed, fixed(n / seconds), fixed(p50), fixed(p99), fixed(max)]],
    );
    for (const { status, body } of outcomes.oddities) console.log(`  ${status}: ${body.slice(0, 300)}`);
    return { restarts, requests: outcomes.count(), failed, statuses: outcomes.statuses, seconds, p50, p99, max };
  } finally {
    for (const task of cleanUp.reverse()) await task();
  }
};
