/**
 * `npm run bench -- gate`: what the gate costs traffic that carries no image. Direct, through the gate, and through a plain
 * @fastify/http-proxy in front of the same upstream, taking turns in one run.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import autocannon from 'autocannon';
import { startService } from '../../helpers/service.ts';
import type { Bench } from '../main.ts';
import { fixed, median, table } from '../report.ts';

const ROUNDS = 3;
const KINDS = [
  { name: 'GET, 1 connection', connections: 1, request: {} },
  { name: 'GET, 16 connections', connections: 16, request: {} },
  {
    name: 'POST 2 kB of JSON, 16 connections',
    connections: 16,
    request: {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ text: 'x'.repeat(2000) }),
    },
  },
] as const;

export async function child(name: string, ...args: string[]): Promise<{ process: ChildProcess; url: string }> {
  const process = fork(join(import.meta.dirname, `${name}.ts`), args, { execArgv: ['--import', 'tsx'] });
  const [port] = (await once(process, 'message')) as [number];
  return { process, url: `http://127.0.0.1:${port}` };
}

interface Sample {
  perSecond: number;
  p50: number;
  p99: number;
}

async function load(url: string, { connections, request }: (typeof KINDS)[number], seconds: number): Promise<Sample> {
  const times: number[] = [];
  const options = { url: `${url}/v1/models/m`, connections, duration: seconds, ...(request as object) };
  const { requests, non2xx, errors } = await new Promise<autocannon.Result>((resolve, reject) => {
    const run = autocannon(options, (error, result) => (error ? reject(error) : resolve(result)));
    run.on('response', (_client, _status, _bytes, ms) => times.push(ms));
  });
  if (non2xx + errors > 0) throw new Error(`${non2xx} answers that are none, ${errors} errors`);
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.floor(share * (times.length - 1))] as number;
  return { perSecond: requests.average, p50: at(0.5), p99: at(0.99) };
}

export const gateOverhead: Bench = async ({ seconds = 3 }) => {
  const cleanups: (() => unknown)[] = [];
  const dir = await mkdtemp(join(tmpdir(), 'clipn-gate-bench-'));
  try {
    const upstream = await child('upstream');
    const plain = await child('http-proxy', upstream.url);
    cleanups.push(
      () => upstream.process.disconnect(),
      () => plain.process.disconnect(),
    );
    const file = join(dir, 'gate.json');
    const route = { match: { path: '/v1/models/{model}:predict' }, adapter: 'tf-serving', mode: 'enforce' };
    await writeFile(file, JSON.stringify({ listen: { port: 0 }, upstream: { url: upstream.url }, routes: [route] }));
    const after = { after: (f: () => unknown) => void cleanups.unshift(f) } as Parameters<typeof startService>[0];
    const service = await startService(after, dir, { CLIPN_LOG_LEVEL: 'info' }, ['gate', '--config', file]);
    const targets = { direct: upstream.url, gate: service.gate as string, 'http-proxy': plain.url };

    const results: Record<string, Record<string, Sample>> = {};
    for (const kind of KINDS) {
      const samples: Record<string, Sample[]> = { direct: [], gate: [], 'http-proxy': [] };
      for (const url of Object.values(targets)) await load(url, kind, 1);
      for (let round = 0; round < ROUNDS; round++)
        for (const [name, url] of Object.entries(targets)) samples[name]?.push(await load(url, kind, seconds));
      results[kind.name] = Object.fromEntries(
        Object.entries(samples).map(([name, list]) => [
          name,
          {
            perSecond: median(list.map((s) => s.perSecond)),
            p50: median(list.map((s) => s.p50)),
            p99: median(list.map((s) => s.p99)),
          },
        ]),
      );
    }
    const rows = Object.entries(results).flatMap(([kind, samples]) => {
      const { direct, 'http-proxy': proxy } = samples as Record<string, Sample>;
      return Object.entries(samples).map(([name, { perSecond, p50, p99 }], i) => [
        i === 0 ? kind : '',
        name,
        fixed(perSecond, 0),
        fixed(p50, 2),
        fixed(p99, 2),
        name === 'direct' ? '' : `+${fixed(p50 - (direct as Sample).p50, 2)}`,
        name === 'gate' ? fixed(perSecond / (proxy as Sample).perSecond, 2) : '',
      ]);
    });
    table(['', '', 'requests/s', 'p50 ms', 'p99 ms', 'added to p50', 'of http-proxy'], rows);
    return results;
  } finally {
    for (const cleanup of cleanups) await cleanup();
    await rm(dir, { recursive: true, force: true });
  }
};
