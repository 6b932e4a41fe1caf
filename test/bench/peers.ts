/**
 * `npm run bench -- peers`: the service beside what one would write in Python instead, in one run: same machine, same bundle, same
 * JSON requests from the same client. test/bench/peers/setup.sh makes their environment, CLIPN_PEERS_PYTHON names it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bundle } from '../../src/bundle/load.ts';
import { usableCores } from '../../src/engine/index.ts';
import { ROOT } from '../helpers/paths.ts';
import { Connection, type Post } from './load/connection.ts';
import { closedLoop } from './load/loops.ts';
import { summary } from './load/outcomes.ts';
import { type Pictures, photographsOrMade, request, sized } from './load/pictures.ts';
import type { Bench } from './main.ts';
import { TEN, withService } from './measure/target.ts';
import { fixed, table } from './report.ts';

const PEERS = { 'FastAPI + PyTorch': 'fastapi_torch.py', 'LitServe + onnxruntime': 'litserve_onnx.py' };
const SERVICE = 'clipn-gate';

/** The same body for everyone; every file is sent once only. */
const json =
  ({ jpegs }: Pictures) =>
  (i: number): Post => {
    const { path, body } = request(jpegs[i % jpegs.length] as Buffer, '');
    const data = Buffer.concat(body).toString('base64');
    return { path, contentType: 'application/json', body: [Buffer.from(JSON.stringify({ images: [{ data }] }))] };
  };

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

async function answers(url: string, next: (i: number) => Post, child: ChildProcess): Promise<void> {
  for (let i = 0; i < 600 && child.exitCode === null; i++) {
    const connection = new Connection(url);
    const reply = await connection.post(next(i)).catch(() => undefined);
    connection.close();
    if (reply?.status === 200) return;
    await sleep(200);
  }
  throw new Error('the peer does not answer');
}

async function withPeer<T>(
  python: string,
  file: string,
  bundle: Bundle,
  next: (i: number) => Post,
  task: (url: string) => Promise<T>,
): Promise<T> {
  const port = await freePort();
  const child = spawn(python, [join(import.meta.dirname, 'peers', file)], {
    stdio: ['ignore', 'ignore', 'inherit'],
    // a group of its own: LitServe has worker processes
    detached: true,
    env: {
      ...process.env,
      PYTHONPATH: join(ROOT, 'models'),
      PEER_BUNDLE: bundle.dir,
      PEER_IMAGE_GRAPH: bundle.files.image,
      PEER_CLASSES: TEN.join(),
      PEER_THREADS: String(usableCores()),
      PEER_PORT: String(port),
    },
  });
  try {
    const url = `http://127.0.0.1:${port}`;
    await answers(url, next, child);
    return await task(url);
  } finally {
    const gone = child.exitCode === null ? once(child, 'exit') : undefined;
    process.kill(-(child.pid as number), 'SIGKILL');
    await gone;
  }
}

export const peers: Bench = async ({ bundle: dir, seconds = 8, connections = [1, 16, 32] }) => {
  const python = process.env['CLIPN_PEERS_PYTHON'];
  if (!python) throw new Error('needs CLIPN_PEERS_PYTHON: see test/bench/peers/setup.sh');
  const sets = [await photographsOrMade(), await sized(500, 375, 40), await sized(1600, 1200, 8)];
  const results: Record<
    string,
    Record<string, Record<string, { imagesPerSecond: number; latency: ReturnType<typeof summary> }>>
  > = {};

  const drive = async (who: string, url: string) => {
    for (const pictures of sets) {
      const next = json(pictures);
      await closedLoop(url, 8, 2, next);
      for (const count of connections) {
        const began = performance.now();
        const outcomes = await closedLoop(url, count, seconds, next);
        const imagesPerSecond = (1000 * outcomes.count(200)) / (performance.now() - began);
        const entry = { imagesPerSecond, latency: summary(outcomes.of(200)) };
        results[pictures.name] ??= {};
        const bySize = results[pictures.name] as (typeof results)[string];
        bySize[who] ??= {};
        (bySize[who] as Record<string, typeof entry>)[count] = entry;
        if (outcomes.count() > outcomes.count(200)) console.log(`${who}: ${JSON.stringify(outcomes.statuses)}`);
      }
    }
  };
  const first = json(sets[0] as Pictures);
  const bundle = await withService({ dir }, async (target) => {
    await drive(SERVICE, target.url);
    return target.bundle;
  });
  for (const [who, file] of Object.entries(PEERS)) {
    await withPeer(python, file, bundle, first, (url) => drive(who, url));
  }
  const best = (name: string, who: string) =>
    Math.max(...Object.values(results[name]?.[who] ?? {}).map((entry) => entry.imagesPerSecond));
  table(
    ['', 'server', 'at a time', 'images/s', 'p50', 'p99 ms', 'clipn-gate is x times (best of each)'],
    Object.entries(results).flatMap(([name, servers]) =>
      Object.entries(servers).flatMap(([who, counts]) =>
        Object.entries(counts).map(([count, { imagesPerSecond, latency }], i) => [
          name,
          who,
          count,
          fixed(imagesPerSecond, 0),
          fixed(latency.p50),
          fixed(latency.p99),
          i === 0 && who !== SERVICE ? fixed(best(name, SERVICE) / best(name, who), 2) : '',
        ]),
      ),
    ),
  );
  return results;
};
