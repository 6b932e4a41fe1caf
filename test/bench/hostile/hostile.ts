/**
 * `npm run bench -- hostile --images 100000 --requests 20000 --seed 1`: mutated images and malformed requests against the real service and gate.
 * `--seconds` ends the run early; what was sent by then is counted. An engine that ends is reported with the inputs that were under way.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startService } from '../../helpers/service.ts';
import type { Bench } from '../main.ts';
import { usage } from '../measure/usage.ts';
import { fixed, megabytes, table } from '../report.ts';
import { bases, mutated } from './images.ts';
import { randomOf } from './random.ts';
import { malformed } from './requests.ts';
import { type Counts, counts, note, Wire } from './run.ts';

const CONNECTIONS = 16;
type Kind = 'images' | 'requests';

const post = (path: string, body: Buffer): Buffer =>
  Buffer.concat([
    Buffer.from(
      `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\nContent-Length: ${body.length}\r\n\r\n`,
    ),
    body,
  ]);

export const hostile: Bench = async ({ bundle, images = 1000, requests = 200, seed = 1, seconds = 360, out }) => {
  const cleanups: (() => unknown)[] = [];
  const data = mkdtempSync(join(tmpdir(), 'clipn-gate-hostile-'));
  const upstream = createServer((request, response) => {
    request.on('error', () => {});
    request.resume().on('end', () => response.end('{}'));
  }).listen(0, '127.0.0.1');
  const config = join(data, 'gate.json');
  await new Promise((resolve) => upstream.once('listening', resolve));
  const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  const routes = [{ match: { path: '/**' }, mode: 'enforce', budget_ms: 20_000 }];
  writeFileSync(config, JSON.stringify({ listen: { port: 0 }, upstream: { url }, routes }));
  try {
    const after = { after: (task: () => unknown) => void cleanups.push(task) } as never;
    const service = await startService(after, join(data, 'state'), { CLIPN_BUNDLE: bundle }, [
      'gate',
      '--config',
      config,
    ]);
    const targets = [service.url, service.gate as string];
    const all = await bases();
    const results: Record<Kind, Counts> = { images: counts(), requests: counts() };
    const underWay = new Map<number, string>();
    const peaks = { front: 0, engine: 0 };
    const restarts: { cause: unknown; how: unknown; underWay: string[] }[] = [];
    const exits: (number | null)[] = [];
    void service.exited.then((code) => exits.push(code));
    let seen = 0;
    const watch = () => {
      peaks.front = Math.max(peaks.front, usage(service.child.pid as number).peak || 0);
      peaks.engine = Math.max(peaks.engine, usage(service.enginePid()).peak || 0);
      for (; seen < service.log.length; seen++) {
        const line = service.log[seen] as Record<string, unknown>;
        if (line['msg'] !== 'engine process ended') continue;
        restarts.push({ cause: line['cause'], how: line['how'], underWay: [...underWay.values()] });
      }
    };
    const timer = setInterval(watch, 50);
    const end = Date.now() + seconds * 1000;
    const phase = async (kind: Kind, count: number) => {
      let next = 0;
      const into = results[kind];
      const began = performance.now();
      const client = async (id: number) => {
        const wires = targets.map((target) => new Wire(target));
        while (next < count && Date.now() < end && exits.length === 0) {
          const i = next++;
          const random = randomOf(seed, kind === 'images' ? 0 : 1, i);
          const image = kind === 'images' ? mutated(random, all) : undefined;
          const request = image ? undefined : malformed(random);
          const name = `${kind} ${seed}/${i}: ${image ? `${image.format}, ${image.change}` : request?.kind}`;
          const wire = wires[i % 2] as Wire;
          const bytes = image ? post(i % 2 ? '/classify' : '/v1/detect', image.bytes) : (request?.bytes as Buffer);
          underWay.set(id, name);
          const started = performance.now();
          const exchange = await wire.send(bytes, kind === 'requests');
          underWay.delete(id);
          into.sent++;
          const ms = performance.now() - started;
          if (exchange.status !== undefined) note(into, name, exchange.status, exchange.body, ms);
          else if (kind === 'requests' && exchange.end === 'closed') into.closed++;
          else {
            into.unanswered++;
            console.log(`unanswered: ${name} (${exchange.end})`);
          }
          if (out && exchange.status !== undefined && exchange.status >= 500) {
            mkdirSync(out, { recursive: true });
            writeFileSync(join(out, `${kind}-${seed}-${i}.bin`), image?.bytes ?? bytes);
          }
        }
        for (const wire of wires) wire.close();
      };
      await Promise.all(Array.from({ length: CONNECTIONS }, (_, id) => client(id)));
      return (performance.now() - began) / 1000;
    };
    // malformed requests first: they are few, and quick
    const took = { requests: await phase('requests', requests), images: await phase('images', images) };
    clearInterval(timer);
    watch();
    table(
      ['', 'sent', 'seconds', 'unanswered', 'closed', 'slowest ms', 'answers', '5xx'],
      (['images', 'requests'] as const).map((kind) => {
        const c = results[kind];
        const list = (of: Record<string, number>) =>
          Object.entries(of)
            .map(([key, n]) => `${n} x ${key}`)
            .join(', ');
        return [
          kind,
          c.sent,
          fixed(took[kind], 0),
          c.unanswered,
          c.closed,
          fixed(c.slowestMs, 0),
          list(c.statuses),
          list(c.serverErrors),
        ];
      }),
    );
    console.log(`front exits ${exits.length}, engine restarts ${restarts.length}`);
    console.log(`peak memory: front ${megabytes(peaks.front)} MiB, engine ${megabytes(peaks.engine)} MiB`);
    for (const restart of restarts) console.log(JSON.stringify(restart));
    return { seed, frontExits: exits.length, restarts, peaks, seconds: took, ...results };
  } finally {
    for (const cleanup of cleanups) await cleanup();
    upstream.closeAllConnections();
    upstream.close();
    rmSync(data, { recursive: true, force: true });
  }
};
