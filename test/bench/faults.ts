/**
 * `npm run bench -- faults`: what clients see when the engine is killed, stopped, or given an image that crashes it, all under load; and how
 * long it takes to be ready again, beside what a start takes.
 */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { engineFaults } from '../helpers/engine-faults.ts';
import { waves } from '../helpers/images.ts';
import { isReady, sendImage, until } from '../helpers/service.ts';
import { closedLoop } from './load/loops.ts';
import { Outcomes, summary } from './load/outcomes.ts';
import { photographsOrMade } from './load/pictures.ts';
import type { Bench } from './main.ts';
import { type Target, withService } from './measure/target.ts';
import { fixed, table } from './report.ts';
import { from } from './service.ts';

const BEFORE_MS = 2000;
const CLIENTS = 16;
const TENANTS = ['one', 'two', 'three'];

/** Milliseconds from `event` until an engine that is not `pid` is ready, and what its start took of that. */
async function readyAgain(target: Target, pid: number, event: number) {
  await until('another engine is ready', 60_000, async () => target.engine() !== pid && (await isReady(target.url)()));
  const ms = performance.now() - event;
  const start = Number(target.log.findLast((l) => l['msg'] === 'engine ready')?.['startMs']);
  return { ms, start };
}

export const faults: Bench = async ({ bundle: dir }) => {
  const pictures = await photographsOrMade();
  const poison = await waves(200, 150, 99).jpeg().toBuffer();
  const env = {
    ...engineFaults(`crash:${createHash('sha256').update(poison).digest('hex')}`),
    CLIPN_REQUEST_TIMEOUT_MS: '30000',
  };
  const events: Record<string, (target: Target, pid: number) => Promise<string>> = {
    'kill -9': async (_, pid) => String(process.kill(pid, 'SIGKILL')),
    SIGSTOP: async (_, pid) => String(process.kill(pid, 'SIGSTOP')),
    'an image that crashes it': async ({ url }) => {
      const response = await sendImage(url, poison);
      return `${response.status} ${((await response.json()) as { code: string }).code}`;
    },
  };
  const results: Record<string, object> = {};
  const rows: string[][] = [];
  for (const [name, happen] of Object.entries(events)) {
    // a service of its own for each, so that no back-off is left from the one before
    await withService({ dir, env, tenants: TENANTS }, async (target) => {
      const outcomes = new Outcomes();
      const load = closedLoop(target.url, CLIENTS, 9, from(pictures, TENANTS), outcomes);
      await sleep(BEFORE_MS);
      const pid = target.engine();
      const event = performance.now();
      const answer = await happen(target, pid);
      const { ms, start } = await readyAgain(target, pid, event);
      await load;
      const states = (await (await fetch(`${target.url}/v1/tenants`)).json()) as { tenants: { state: string }[] };
      const ready = states.tenants.filter((t) => t.state === 'ready').length;
      const { p50, p99 } = summary(outcomes.of(200));
      const slowest = Math.max(...outcomes.of(200));
      const statuses = Object.entries(outcomes.statuses).map(([status, count]) => `${count} x ${status}`);
      results[name] = {
        readyAgainMs: ms,
        startMs: start,
        statuses: outcomes.statuses,
        p50,
        p99,
        slowest,
        tenantsReady: ready,
      };
      rows.push([
        name,
        fixed(ms, 0),
        fixed(start, 0),
        fixed(ms - start, 0),
        statuses.join(', '),
        fixed(p50, 0),
        fixed(slowest, 0),
        `${ready} of ${TENANTS.length + 1}`,
        name.startsWith('an image') ? answer : '',
      ]);
    });
  }
  table(
    ['', 'ready again ms', 'of that start', 'rest', 'answers', 'p50', 'slowest ms', 'tenants ready', 'the image'],
    rows,
  );
  return results;
};
