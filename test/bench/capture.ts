/**
 * `npm run bench -- capture`: the price of keeping every image, for requests. The tenants of one service keep nothing, or everything, in turns (A, B,
 * A, B): into a directory, into an object store that takes 100 ms for an answer, and into one that never answers. Before each turn the
 * images of the turn before have been stored or given up, except where the store never answers.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { putTenant } from '../helpers/service.ts';
import { closedLoop } from './load/loops.ts';
import { Outcomes, summary } from './load/outcomes.ts';
import { photographsOrMade } from './load/pictures.ts';
import type { Bench } from './main.ts';
import { TEN, withService } from './measure/target.ts';
import { fixed, median, table } from './report.ts';
import { from } from './service.ts';

const TURNS = 4;
/** Several tenants, because the quota of one would end before the turns do. */
const tenants = (arm: string) => Array.from({ length: 8 }, (_, i) => `${arm}-${i}`);
const EVERYTHING = { rest: 1, per_hour: 10_000, duplicates: 'keep' };
/** So small that the queue is empty soon after a turn. */
const QUEUE_BYTES = 4 * 2 ** 20;

/** An object store that answers each request after so many milliseconds; never if undefined. */
async function slowStore(ms: number | undefined): Promise<{ server: Server; env: Record<string, string> }> {
  const server = createServer((request, response) => {
    request.resume();
    if (ms !== undefined) setTimeout(() => response.end('<ListBucketResult></ListBucketResult>'), ms);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const env = {
    CLIPN_CAPTURE: 's3://bench',
    AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    AWS_ACCESS_KEY_ID: 'id',
    AWS_SECRET_ACCESS_KEY: 'secret',
  };
  return { server, env };
}

const metricsOf = async (url: string) => (await fetch(`${url}/metrics`)).text();

/** Waits until no image waits to be stored. */
async function drained(url: string): Promise<void> {
  while (!/^clipn_capture_queued_bytes 0$/m.test(await metricsOf(url))) await sleep(200);
}

/** Images that were drawn, by result, over all tenants. */
async function results(url: string): Promise<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const [, result = '', n] of (await metricsOf(url)).matchAll(
    /^clipn_capture_images_total\{.*result="(\w+)"\} (\d+)/gm,
  ))
    sums[result] = (sums[result] ?? 0) + Number(n);
  return sums;
}

interface Arm {
  outcomes: Outcomes;
  rates: number[];
}

interface Run {
  url: string;
  clients: number;
  seconds: number;
  /** Whether the store empties its queue at all. */
  drains: boolean;
}

async function inTurns({ url, clients, seconds, drains }: Run): Promise<{ none: Arm; all: Arm }> {
  const arms = {
    none: { outcomes: new Outcomes(), rates: [] as number[] },
    all: { outcomes: new Outcomes(), rates: [] as number[] },
  };
  const pictures = await photographsOrMade();
  for (let turn = 0; turn < TURNS; turn++) {
    for (const [name, arm] of Object.entries(arms)) {
      if (drains) await drained(url);
      const before = arm.outcomes.count(200);
      await closedLoop(url, clients, seconds, from(pictures, tenants(name)), arm.outcomes);
      arm.rates.push((arm.outcomes.count(200) - before) / seconds);
    }
  }
  return arms;
}

const figuresOf = ({ outcomes, rates }: Arm) => {
  const { p50, p99 } = summary(outcomes.of(200));
  return { imagesPerSecond: median(rates), p50, p99, statuses: outcomes.statuses };
};

export const capture: Bench = async ({ bundle: dir, seconds = 4, connections = [1, 16] }) => {
  const rows: object[] = [];
  const shown: string[][] = [];
  for (const [store, ms] of [
    ['directory', 0],
    ['S3, 100 ms', 100],
    ['S3, no answer', undefined],
  ] as const) {
    const slow = store === 'directory' ? undefined : await slowStore(ms);
    const env = { CLIPN_CAPTURE_QUEUE_BYTES: String(QUEUE_BYTES), ...slow?.env };
    await withService({ dir, env, tenants: tenants('none') }, async ({ url }) => {
      for (const id of tenants('all')) await putTenant(url, id, { classes: TEN, capture: EVERYTHING });
      await closedLoop(url, 8, 2, from(await photographsOrMade(), tenants('none')));
      for (const clients of connections) {
        const before = await results(url);
        const { none, all } = await inTurns({ url, clients, seconds, drains: ms !== undefined });
        const ratio = median(all.rates.map((rate, i) => rate / (none.rates[i] as number)));
        const [without, kept] = [figuresOf(none), figuresOf(all)];
        const drawn = Object.entries(await results(url)).map(([name, n]) => [name, n - (before[name] ?? 0)] as const);
        rows.push({ store, clients, without, kept, ratio, drawn: Object.fromEntries(drawn) });
        shown.push([
          `${store}, ${clients} ${clients === 1 ? 'client' : 'clients'}`,
          ...[without.imagesPerSecond, kept.imagesPerSecond].map((v) => fixed(v, 0)),
          fixed(ratio, 2),
          ...[without.p50, kept.p50, without.p99, kept.p99].map((v) => fixed(v)),
          drawn.map(([name, n]) => `${n} ${name}`).join(', '),
        ]);
      }
    });
    slow?.server.closeAllConnections();
    slow?.server.close();
  }
  const head = ['', 'images/s: none', 'all', 'ratio', 'p50: none', 'all', 'p99: none', 'all ms', 'images drawn'];
  table(head, shown);
  return rows;
};
