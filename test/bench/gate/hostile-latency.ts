/**
 * `npm run bench -- hostile-latency`: latencies of an honest client of service and gate while four other connections send the most
 * costly bodies without a pause, and while no other client sends, in turns. The bars: p99 at most three times the quiet one, and every hostile
 * answer within two seconds.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { putTenant, startService } from '../../helpers/service.ts';
import { Connection, type Post } from '../load/connection.ts';
import { quantile } from '../load/outcomes.ts';
import { photographsOrMade, request } from '../load/pictures.ts';
import type { Bench } from '../main.ts';
import { TEN } from '../measure/target.ts';
import { usage } from '../measure/usage.ts';
import { fixed, megabytes, table } from '../report.ts';
import type { HostileReport } from './hostile-clients.ts';
import { child } from './overhead.ts';

const TURNS = 4;
const PATH = '/v1/models/zoo:predict';

/** The three requests of the honest client, in turn: an image for the service, an image for the gate, and none. */
function honest(jpegs: readonly Buffer[]): Record<string, (i: number) => { gate: boolean; post: Post }> {
  const image = (i: number) => request(jpegs[i % jpegs.length] as Buffer);
  const json = (body: object): Post => ({
    path: PATH,
    contentType: 'application/json',
    body: [Buffer.from(JSON.stringify(body))],
  });
  return {
    '/v1/detect, an image': (i) => ({ gate: false, post: image(i) }),
    'gate, JSON with an image': (i) => ({
      gate: true,
      post: json({ instances: [{ b64: Buffer.concat(image(i).body).toString('base64') }] }),
    }),
    'gate, JSON without an image': () => ({ gate: true, post: json({ text: 'x'.repeat(2000) }) }),
  };
}

export const hostileLatency: Bench = async ({ bundle, seconds = 8 }) => {
  const cleanups: (() => unknown)[] = [];
  const dir = await mkdtemp(join(tmpdir(), 'clipn-gate-bench-'));
  try {
    const upstream = await child('upstream');
    cleanups.push(() => upstream.process.disconnect());
    const config = join(dir, 'gate.json');
    const routes = [
      { match: { path: '/v1/models/{model}:predict' }, adapter: 'tf-serving', tenant: '{model}', mode: 'enforce' },
      { match: { path: '/json' }, adapter: 'json', pointers: ['/x/*'], mode: 'enforce' },
      { match: { path: '/**' }, mode: 'enforce' },
    ].map((route) => ({ ...route, budget_ms: 2000 }));
    await writeFile(config, JSON.stringify({ listen: { port: 0 }, upstream: { url: upstream.url }, routes }));
    const after = { after: (f: () => unknown) => void cleanups.unshift(f) } as Parameters<typeof startService>[0];
    const service = await startService(after, dir, { CLIPN_BUNDLE: bundle }, ['gate', '--config', config]);
    await putTenant(service.url, 'zoo', { classes: TEN });
    const { jpegs } = await photographsOrMade();
    const kinds = honest(jpegs);
    const times = Object.fromEntries(Object.keys(kinds).map((name) => [name, { quiet: [], beside: [] }])) as Record<
      string,
      Record<'quiet' | 'beside', number[]>
    >;
    const statuses: Record<string, number> = {};
    const hostiles = fork(join(import.meta.dirname, 'hostile-clients.ts'), [service.url, service.gate as string], {
      execArgv: ['--import', 'tsx'],
    });
    cleanups.unshift(() => hostiles.kill());
    await once(hostiles, 'message');
    let sent = 0;
    const turn = async (into: 'quiet' | 'beside', length: number) => {
      const direct = new Connection(service.url);
      const gated = new Connection(service.gate as string);
      for (const until = performance.now() + length * 1000; performance.now() < until; )
        for (const [name, make] of Object.entries(kinds)) {
          const { gate, post } = make(sent++);
          const began = performance.now();
          const { status } = await (gate ? gated : direct).post(post);
          times[name]?.[into].push(performance.now() - began);
          statuses[`${name}: ${status}`] = (statuses[`${name}: ${status}`] ?? 0) + 1;
        }
      direct.close();
      gated.close();
    };
    await turn('quiet', 2);
    for (const of of Object.values(times)) of.quiet.length = 0;
    for (let i = 0; i < TURNS; i++) {
      await turn('quiet', seconds);
      hostiles.send('start');
      await turn('beside', seconds);
      hostiles.send('stop');
      await once(hostiles, 'message');
    }
    hostiles.send('report');
    const [report] = (await once(hostiles, 'message')) as [HostileReport[]];
    const rows = Object.entries(times).map(([name, { quiet, beside }]) => ({
      name,
      n: [quiet.length, beside.length],
      p50: [quantile(quiet, 0.5), quantile(beside, 0.5)],
      p99: [quantile(quiet, 0.99), quantile(beside, 0.99)],
    }));
    table(
      ['honest request', 'sent', 'p50 quiet', 'beside', 'p99 quiet', 'beside', 'ratio of p99'],
      rows.map(({ name, n, p50, p99 }) => [
        name,
        n.join(', '),
        ...p50.map((v) => fixed(v)),
        ...p99.map((v) => fixed(v)),
        fixed((p99[1] as number) / (p99[0] as number), 2),
      ]),
    );
    table(
      ['hostile body', 'sent', 'answers', 'slowest ms'],
      [...report].sort((a, b) => b.slowest - a.slowest).map((r) => [r.name, r.sent, r.answers, fixed(r.slowest, 0)]),
    );
    console.log(`honest answers: ${JSON.stringify(statuses)}; load ${fixed(loadavg()[0] as number)}`);
    console.log(`peak memory of the front ${megabytes(usage(service.child.pid as number).peak)} MiB`);
    return { rows, report, statuses };
  } finally {
    for (const cleanup of cleanups) await cleanup();
    await rm(dir, { recursive: true, force: true });
  }
};
