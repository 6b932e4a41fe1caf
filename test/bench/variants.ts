/**
 * `npm run bench -- variants --variants "NAME: A=1 B=2; NAME2: C=3"`: services of one build with different environments, all running all the time, in
 * turns; every second turn in reverse order. A turn is: 32 clients (the peak, and the threads that can run), a flood of ten times the peak with a
 * second client process, and a light tenant, whose client is a process of its own, beside a tenant that asks for twice the peak. A variable
 * COMMAND names the entry point of another build.
 */
import { closedLoop, openLoop } from './load/loops.ts';
import { Outcomes, summary } from './load/outcomes.ts';
import { type Pictures, photographsOrMade } from './load/pictures.ts';
import { secondClient } from './load/second-client.ts';
import type { Bench } from './main.ts';
import { type Target, withService } from './measure/target.ts';
import { fixed, median, table } from './report.ts';
import { from } from './service.ts';
import { sample } from './threads.ts';

const CLIENTS = 32;
const FLOOD = 10;
/** Share of the peak that the light tenant asks for, and the big one. */
const LIGHT = 0.1;
const BIG = 2;
const PROBE_RATE = 20;

interface Variant {
  name: string;
  env: Record<string, string>;
}

/** "a; b: X=1 Y=2" */
function parse(text: string): Variant[] {
  return text.split(';').map((part) => {
    const [name = '', ...rest] = part.split(':');
    const pairs = rest.join(':').trim().split(/\s+/).filter(Boolean);
    const env = pairs.map((pair) => [pair.split('=', 1)[0] ?? '', pair.slice(pair.indexOf('=') + 1)]);
    return { name: name.trim(), env: Object.fromEntries(env) };
  });
}

/** Runs all services at the same time. */
function withAll<T>(dir: string, left: Variant[], task: (targets: Map<string, Target>) => Promise<T>): Promise<T> {
  const [variant, ...rest] = left;
  if (!variant) return task(new Map());
  const { COMMAND: command, ...env } = variant.env;
  return withService({ dir, env, tenants: ['light', 'big'], ...(command ? { command } : {}) }, (target) =>
    withAll(dir, rest, (others) => task(new Map([[variant.name, target], ...others]))),
  );
}

interface Threads {
  mean: number;
  /** Share of the samples with more threads than cores. */
  beyond: number;
}

interface Turn {
  one: number;
  peak: number;
  threads: Threads;
  all: Threads;
  goodput: number;
  refused: number[];
  probe: number[];
  light: number[];
}

async function peakOf(target: Target, pictures: Pictures, seconds: number) {
  const load = closedLoop(target.url, CLIENTS, seconds, from(pictures));
  const rows = await sample(target, seconds - 0.5);
  const found = (wanted: string) => rows.find(({ name }) => name === wanted) as (typeof rows)[number];
  const [threads, all] = [found('decoding and lanes'), found('decoding, lanes, helpers of V8')];
  return { peak: (await load).count(200) / seconds, threads, all };
}

async function floodOf({ url }: Target, pictures: Pictures, { peak, seconds }: { peak: number; seconds: number }) {
  const second = await secondClient(url, { rate: PROBE_RATE, seconds: seconds * 0.8 });
  const outcomes = new Outcomes();
  const end = performance.now() + seconds * 1000;
  const flood = openLoop(url, { rate: FLOOD * peak, seconds }, from(pictures), outcomes);
  const probe = (await second.ask())['429'] ?? [];
  await flood;
  const goodput = outcomes.answeredAt.filter((at) => at < end).length / seconds;
  return { goodput, refused: outcomes.of(429), probe };
}

async function lightOf({ url }: Target, pictures: Pictures, { peak, seconds }: { peak: number; seconds: number }) {
  const second = await secondClient(url, { rate: LIGHT * peak, seconds: seconds * 0.9, tenant: 'light' });
  const big = openLoop(url, { rate: BIG * peak, seconds }, from(pictures, ['big']));
  const light = (await second.ask())['200'] ?? [];
  await big;
  return { light };
}

async function turnOf(target: Target, pictures: Pictures, seconds: number): Promise<Turn> {
  const one = (await closedLoop(target.url, 1, seconds / 2, from(pictures))).count(200) / (seconds / 2);
  const top = await peakOf(target, pictures, seconds);
  const load = { peak: top.peak, seconds: 2 * seconds };
  const flood = await floodOf(target, pictures, load);
  return { one, ...top, ...flood, ...(await lightOf(target, pictures, { ...load, seconds: 3 * seconds })) };
}

const list = (values: number[], digits = 0) => values.map((v) => fixed(v, digits)).join(', ');
const three = (values: number[]) => {
  const { p50, p95, p99 } = summary(values);
  return list([p50, p95, p99], 1);
};

function report(all: Map<string, Turn[]>): void {
  const rows = [...all].map(([name, turns]) => [
    name,
    list(turns.map(({ one }) => one)),
    list(turns.map(({ peak }) => peak)),
    list(
      turns.map(({ goodput, peak }) => goodput / peak),
      3,
    ),
    three(turns.flatMap(({ refused }) => refused)),
    three(turns.flatMap(({ probe }) => probe)),
    three(turns.flatMap(({ light }) => light)),
    list(
      turns.map(({ light }) => summary(light).p99),
      1,
    ),
    ...(['threads', 'all'] as const).map((key) =>
      list([median(turns.map((turn) => turn[key].mean)), median(turns.map((turn) => turn[key].beyond))], 2),
    ),
  ]);
  const refusals = ['refusals p50, p95, p99', 'of the second client'];
  const light = ['light tenant p50, p95, p99', 'p99 by turn'];
  const threads = ['decoding and lanes: threads, share beyond the cores', 'with helpers of V8'];
  table(['', '1 client', 'peak', 'verdicts / peak', ...refusals, ...light, ...threads], rows);
}

export const variants: Bench = async ({ bundle: dir, seconds = 4, count = 2, variants: text = 'plain' }) => {
  const pictures = await photographsOrMade();
  const all = new Map(parse(text).map(({ name }): [string, Turn[]] => [name, []]));
  await withAll(dir, parse(text), async (targets) => {
    for (const { url } of targets.values()) await closedLoop(url, 8, 3, from(pictures));
    for (let turn = 0; turn < count; turn++) {
      const order = [...targets];
      for (const [name, target] of turn % 2 === 0 ? order : order.reverse()) {
        all.get(name)?.push(await turnOf(target, pictures, seconds));
      }
    }
  });
  report(all);
  return [...all].map(([name, turns]) => ({ name, turns }));
};
