/**
 * `npm run bench -- peers`: the service beside the same service in Python, in one run: same machine, same bundle, same JSON requests from the same
 * client. All servers run all the time and get requests in turns; those whose turn it is not are stopped. A ratio is the median of those of the turns.
 * Each server gets WARM_UP_SECONDS of requests before the first turn: a server runs for days, and V8 compiles in the first seconds.
 * --only names the pictures (the beginning of their name, as 1600), --peers the servers.
 * test/bench/peers/setup.sh makes their environment, CLIPN_PEERS_PYTHON names it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bundle } from '../../src/bundle/load.ts';
import { usableCores } from '../../src/engine/index.ts';
import { freePort } from '../helpers/free-port.ts';
import { ROOT } from '../helpers/paths.ts';
import { procStat } from '../helpers/proc-stat.ts';
import { Connection, type Post } from './load/connection.ts';
import { closedLoop } from './load/loops.ts';
import { summary } from './load/outcomes.ts';
import { type Pictures, photographsOrMade, request, sized } from './load/pictures.ts';
import type { Bench } from './main.ts';
import { TEN, withService } from './measure/target.ts';
import { fixed, median, table } from './report.ts';

const PEERS = {
  'FastAPI + PyTorch': 'fastapi_torch.py',
  'LitServe + onnxruntime': 'litserve_onnx.py',
  'BentoML + onnxruntime': 'bentoml_onnx.py',
  'Ray Serve + onnxruntime': 'ray_onnx.py',
};
const SERVICE = 'clipn-gate';
/** The service as an operator sets it up for large photographs; measured with those. The other servers decode whole pictures. */
const FAST = 'clipn-gate, CLIPN_DECODE=fast';
const TURNS = 5;
const WARM_UP_SECONDS = 15;

/** The same body for everyone; every file is sent once only. */
const json =
  ({ jpegs }: Pictures) =>
  (i: number): Post => {
    const { path, body } = request(jpegs[i % jpegs.length] as Buffer, '');
    const data = Buffer.concat(body).toString('base64');
    return { path, contentType: 'application/json', body: [Buffer.from(JSON.stringify({ images: [{ data }] }))] };
  };

async function answers(url: string, next: (i: number) => Post, child: ChildProcess): Promise<void> {
  for (let i = 0; i < 1500 && child.exitCode === null; i++) {
    const connection = new Connection(url);
    const reply = await connection.post(next(i)).catch(() => undefined);
    connection.close();
    if (reply?.status === 200) return;
    await sleep(200);
  }
  throw new Error('the peer does not answer');
}

/** A process and all that it has started, also those in sessions of their own. */
function descendants(root: number): number[] {
  const parents = readdirSync('/proc').flatMap((name) => {
    try {
      return [[Number(name), procStat(Number(name)).parent] as const];
    } catch {
      return [];
    }
  });
  const of = (pid: number): number[] => [pid, ...parents.filter(([, p]) => p === pid).flatMap(([child]) => of(child))];
  return of(root);
}

interface Server {
  name: string;
  url: string;
  /** Lets the processes of the server run, or not. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void;
}

async function startPeer(python: string, [name, file]: [string, string], bundle: Bundle, next: (i: number) => Post) {
  const port = await freePort();
  const child = spawn(python, [join(import.meta.dirname, 'peers', file)], {
    stdio: ['ignore', 'ignore', 'inherit'],
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
  const kill = (signal: NodeJS.Signals) => {
    for (const pid of descendants(child.pid as number)) {
      try {
        process.kill(pid, signal);
      } catch {
        // it has ended
      }
    }
  };
  const url = `http://127.0.0.1:${port}`;
  try {
    await answers(url, next, child);
  } catch (error) {
    kill('SIGKILL');
    throw error;
  }
  const server: Server = { name, url, signal: kill };
  return { server, end: () => kill('SIGKILL') };
}

interface Turn {
  imagesPerSecond: number;
  p50: number;
  p99: number;
}

async function measure(url: string, count: number, seconds: number, next: (i: number) => Post): Promise<Turn> {
  const began = performance.now();
  const outcomes = await closedLoop(url, count, seconds, next);
  const imagesPerSecond = (1000 * outcomes.count(200)) / (performance.now() - began);
  if (outcomes.count() > outcomes.count(200)) console.log(`${url}: ${JSON.stringify(outcomes.statuses)}`);
  const { p50, p99 } = summary(outcomes.of(200));
  return { imagesPerSecond, p50, p99 };
}

/** Turns of all servers for one set of pictures and one number of clients; a row of the table for each server. */
async function compare(servers: Server[], pictures: Pictures, count: number, seconds: number) {
  const turns = new Map<string, Turn[]>(servers.map(({ name }) => [name, []]));
  for (let turn = 0; turn < TURNS; turn++) {
    for (const { name, url, signal } of servers) {
      signal('SIGCONT');
      await closedLoop(url, count, 0.3, json(pictures));
      turns.get(name)?.push(await measure(url, count, seconds, json(pictures)));
      signal('SIGSTOP');
    }
  }
  return servers.map(({ name }) => {
    const all = turns.get(name) as Turn[];
    const of = (key: keyof Turn) => median(all.map((turn) => turn[key]));
    const times = (ours: string) =>
      median((turns.get(ours) ?? []).map((turn, i) => turn.imagesPerSecond / (all[i] as Turn).imagesPerSecond));
    return {
      pictures: pictures.name,
      name,
      count,
      ...turnOf(of),
      ratio: times(SERVICE),
      fast: times(FAST),
      turns: all,
    };
  });
}

const turnOf = (of: (key: keyof Turn) => number): Turn => ({
  imagesPerSecond: of('imagesPerSecond'),
  p50: of('p50'),
  p99: of('p99'),
});

interface Wanted {
  next: (i: number) => Post;
  /** Beginnings of the names of peers; undefined for all. */
  names: string[] | undefined;
}

/** Starts the peers; one that cannot start is named and left out. */
async function startPeers(python: string, bundle: Bundle, { next, names }: Wanted) {
  const started: Awaited<ReturnType<typeof startPeer>>[] = [];
  for (const peer of Object.entries(PEERS)) {
    if (names && !names.some((name) => peer[0].startsWith(name))) continue;
    try {
      const one = await startPeer(python, peer, bundle, next);
      one.server.signal('SIGSTOP');
      started.push(one);
    } catch (error) {
      console.log(`left out: ${peer[0]}: ${error instanceof Error ? error.message : error}`);
    }
  }
  return started;
}

type Row = Awaited<ReturnType<typeof compare>>[number];

function report(rows: Row[]): void {
  const times = (value: number) => (Number.isFinite(value) ? fixed(value, 2) : '');
  table(
    [
      '',
      'server',
      'at a time',
      'images/s',
      'p50',
      'p99 ms',
      `clipn-gate is x times (median of ${TURNS} turns)`,
      'fast',
    ],
    rows.map(({ pictures, name, count, imagesPerSecond, p50, p99, ratio, fast }) => [
      pictures,
      name,
      String(count),
      fixed(imagesPerSecond, 0),
      fixed(p50),
      fixed(p99),
      ...(name === SERVICE || name === FAST ? ['', ''] : [times(ratio), times(fast)]),
    ]),
  );
}

const LARGE = { width: 1600, height: 1200 };

export const peers: Bench = async ({ bundle: dir, seconds = 2, connections = [1, 16, 32], only, peers: wanted }) => {
  const python = process.env['CLIPN_PEERS_PYTHON'];
  if (!python) throw new Error('needs CLIPN_PEERS_PYTHON: see test/bench/peers/setup.sh');
  const large = await sized(LARGE.width, LARGE.height, 8);
  const all = [await photographsOrMade(), await sized(500, 375, 40), large];
  const sets = all.filter(({ name }) => only === undefined || name.startsWith(only));
  return withService({ dir }, ({ url, bundle }) =>
    withService({ dir, env: { CLIPN_DECODE: 'fast' } }, async (fast) => {
      // the services are not stopped: their watchdogs would take the pause for a deadlock, and an idle service needs no processor
      const ours = { name: SERVICE, url, signal: () => {} };
      const reduced = { name: FAST, url: fast.url, signal: () => {} };
      const started = await startPeers(python, bundle, { next: json(large), names: wanted?.split(',') });
      try {
        const rows: Row[] = [];
        for (const { url, signal } of [ours, reduced, ...started.map(({ server }) => server)]) {
          signal('SIGCONT');
          await closedLoop(url, Math.max(...connections), WARM_UP_SECONDS, json(sets[0] as Pictures));
          signal('SIGSTOP');
        }
        for (const pictures of sets) {
          const others = started.map(({ server }) => server);
          const servers: Server[] = [ours, ...(pictures === large ? [reduced] : []), ...others];
          for (const count of connections) rows.push(...(await compare(servers, pictures, count, seconds)));
        }
        report(rows);
        return rows;
      } finally {
        for (const { end } of started) end();
      }
    }),
  );
};
