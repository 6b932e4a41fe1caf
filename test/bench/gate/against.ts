/**
 * `npm run bench -- gate-against --other DIR`: the gate of this build and that of another checkout in turns, both running all the time, with the
 * same bundle and precision. Requests per second, and processor time for each request, without and with images in the traffic.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { COMMAND } from '../../helpers/paths.ts';
import { putTenant, type Service, startService } from '../../helpers/service.ts';
import type { Post } from '../load/connection.ts';
import { closedLoop } from '../load/loops.ts';
import { photographsOrMade, request } from '../load/pictures.ts';
import type { Bench } from '../main.ts';
import { TEN } from '../measure/target.ts';
import { cpuDuring } from '../measure/usage.ts';
import { fixed, median, table } from '../report.ts';
import { child } from './overhead.ts';

const TURNS = 7;
const PATH = '/v1/models/zoo:predict';
const post = (body: string): Post => ({ path: PATH, contentType: 'application/json', body: [Buffer.from(body)] });

/** One turn: answers per second, and processor milliseconds for each. */
interface Turn {
  rate: number;
  front: number;
  engine: number;
}

async function measured(
  service: Service,
  connections: number,
  seconds: number,
  next: (i: number) => Post,
): Promise<Turn> {
  const pids = { front: service.child.pid as number, engine: service.enginePid() };
  const { result, cpu } = await cpuDuring(pids, () => closedLoop(service.gate as string, connections, seconds, next));
  const answers = result.count() - result.count(0);
  return { rate: answers / seconds, front: (cpu.front * 1000) / answers, engine: (cpu.engine * 1000) / answers };
}

export const gateAgainst: Bench = async ({ bundle, seconds = 3, other }) => {
  if (other === undefined) throw new Error('--other names a checkout that is built');
  const cleanups: (() => unknown)[] = [];
  const dir = await mkdtemp(join(tmpdir(), 'clipn-gate-bench-'));
  try {
    const upstream = await child('upstream');
    cleanups.push(() => upstream.process.disconnect());
    const config = join(dir, 'gate.json');
    const route = {
      match: { path: '/v1/models/{model}:predict' },
      adapter: 'tf-serving',
      tenant: '{model}',
      mode: 'enforce',
      budget_ms: 10_000,
    };
    await writeFile(config, JSON.stringify({ listen: { port: 0 }, upstream: { url: upstream.url }, routes: [route] }));
    const after = { after: (f: () => unknown) => void cleanups.unshift(f) } as Parameters<typeof startService>[0];
    const start = async (name: string, program: string) => {
      const env = { CLIPN_BUNDLE: bundle, CLIPN_PRECISION: 'fp32' };
      const service = await startService(after, join(dir, name), env, ['gate', '--config', config], program);
      await putTenant(service.url, 'zoo', { classes: TEN });
      return service;
    };
    const here = await start('here', COMMAND);
    const there = await start('there', join(other, 'dist/cli/main.js'));
    const { jpegs } = await photographsOrMade();
    const image = (i: number) => Buffer.concat(request(jpegs[i % jpegs.length] as Buffer).body).toString('base64');
    const records = Array.from({ length: 300 }, (_, id) => ({
      id,
      name: `item ${id}`,
      tags: ['red', 'large'],
      price: id / 8,
    }));
    const kinds: { name: string; connections: number; next: (i: number) => Post }[] = [
      { name: '2 kB of text in JSON', connections: 16, next: () => post(JSON.stringify({ text: 'x'.repeat(2000) })) },
      { name: '20 kB of records in JSON', connections: 16, next: () => post(JSON.stringify({ records })) },
      { name: 'a photograph in JSON', connections: 4, next: (i) => post(`{"instances":[{"b64":"${image(i)}"}]}`) },
    ];
    const results = [];
    for (const { name, connections, next } of kinds) {
      for (const service of [here, there]) await measured(service, connections, 1, next);
      const turns: [Turn, Turn][] = [];
      for (let turn = 0; turn < TURNS; turn++) {
        const [first, second] = turn % 2 ? [there, here] : [here, there];
        const pair = [
          await measured(first, connections, seconds, next),
          await measured(second, connections, seconds, next),
        ];
        turns.push((turn % 2 ? pair.reverse() : pair) as [Turn, Turn]);
      }
      const of = (which: 0 | 1, figure: keyof Turn) => median(turns.map((pair) => pair[which][figure]));
      const ratio = (figure: (t: Turn) => number) => median(turns.map(([a, b]) => figure(a) / figure(b)));
      results.push({
        name,
        rate: [of(0, 'rate'), of(1, 'rate')],
        front: [of(0, 'front'), of(1, 'front')],
        engine: [of(0, 'engine'), of(1, 'engine')],
        ratios: { rate: ratio((t) => t.rate), front: ratio((t) => t.front), all: ratio((t) => t.front + t.engine) },
        turns,
      });
    }
    table(
      ['traffic', 'here/s', 'there/s', 'ratio', 'front ms', 'there', 'ratio', 'engine ms', 'there', 'ratio of all'],
      results.map(({ name, rate, front, engine, ratios }) => [
        name,
        ...rate.map((v) => fixed(v, 0)),
        fixed(ratios.rate, 2),
        ...front.map((v) => fixed(v, 3)),
        fixed(ratios.front, 2),
        ...engine.map((v) => fixed(v, 2)),
        fixed(ratios.all, 2),
      ]),
    );
    console.log(`median of ${TURNS} pairs of turns of ${seconds} s; load ${fixed(loadavg()[0] as number)}`);
    return results;
  } finally {
    for (const cleanup of cleanups) await cleanup();
    await rm(dir, { recursive: true, force: true });
  }
};
