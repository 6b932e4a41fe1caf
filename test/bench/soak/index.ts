/**
 * `npm run bench -- soak --count 200000 --out soak.jsonl`: requests of mixed kinds, one after the other from several clients, while the
 * memory of both processes is written down. A line of JSON per sample, so that a run that was cut off still reports its samples;
 * `--count 0 --out FILE` sums up the last run in a file. `--only KIND` sends one kind of request, and `--seconds` is the time without requests at the end. Ctrl-C ends a run early and sums up.
 */
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from '../main.ts';
import { memoryParts } from '../measure/memory-parts.ts';
import { type Target, withService } from '../measure/target.ts';
import { fixed, megabytes } from '../report.ts';
import { type Kind, kinds, TENANTS } from './kinds.ts';
import { report, type Sample } from './report.ts';

const CLIENTS = 12;
const SAMPLES = 200;
/** Seconds without requests at the end: longer than a replaced head stays in the engine. */
const IDLE_SECONDS = 75;

/** The same mixture in every run. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Draws kinds by their shares. */
function drawn(all: Kind[]): () => Kind {
  const total = all.reduce((sum, { share }) => sum + share, 0);
  const next = random(1);
  return () => {
    let at = next() * total;
    for (const kind of all) {
      at -= kind.share;
      if (at < 0) return kind;
    }
    return all[0] as Kind;
  };
}

export const soak: Bench = async ({
  bundle: dir,
  count = 20_000,
  out = 'soak.jsonl',
  only,
  seconds = IDLE_SECONDS,
}) => {
  if (count > 0) {
    const memory = memoryParts();
    const env = { CLIPN_REQUEST_TIMEOUT_MS: '60000', CLIPN_MAX_QUEUE: '1024', ...memory.env };
    try {
      await withService({ dir, env, tenants: TENANTS }, (target) =>
        run(target, memory, { count, out, only, idle: seconds }),
      );
    } finally {
      memory.remove();
    }
  }
  return report(out);
};

/** Bytes of tenants' features in the engine. */
async function heldBy(target: Target): Promise<number> {
  const metrics = await (await fetch(`${target.url}/metrics`)).text();
  return Number(/^clipn_engine_held_bytes\{.*kind="heads".*\} (\S+)$/m.exec(metrics)?.[1]);
}

interface RunOptions {
  count: number;
  out: string;
  only: string | undefined;
  /** Seconds. */
  idle: number;
}

async function run(target: Target, memory: ReturnType<typeof memoryParts>, { count, out, only, idle }: RunOptions) {
  const all = (await kinds(target.url)).filter(({ name }) => only === undefined || name === only);
  if (all.length === 0) throw new Error(`there is no kind "${only}"`);
  const pick = drawn(all);
  const id = new Date().toISOString();
  const began = performance.now();
  const answers: Record<string, number> = {};
  let sent = 0;
  let ended = false;
  const stop = () => {
    ended = true;
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  const sample = async (resting = false) => {
    const requests = sent;
    const seconds = (performance.now() - began) / 1000;
    const heads = await heldBy(target).catch(() => Number.NaN);
    const enginePid = target.engine();
    const [front, engine] = [memory.of(target.front), memory.of(enginePid)];
    const line: Sample = {
      run: id,
      requests,
      of: count,
      seconds,
      idle: resting,
      front,
      engine,
      heads,
      enginePid,
      answers,
    };
    appendFileSync(out, `${JSON.stringify(line)}\n`);
    console.log(
      `${String(requests).padStart(8)} of ${count}, ${fixed(seconds, 0)} s: MiB (heap, arrays) front ${parts(front)}, engine ${parts(engine)}, of these heads ${megabytes(heads)}`,
    );
  };
  const every = Math.max(1, Math.floor(count / SAMPLES));
  const client = async () => {
    while (sent < count && !ended) {
      const i = sent++;
      const kind = pick();
      const status = await kind.send(i).catch((error) => String((error as Error).cause ?? error));
      const expected = typeof status === 'number' && kind.expected.includes(status);
      const key = expected ? kind.name : `${kind.name}: ${status}`;
      answers[key] = (answers[key] ?? 0) + 1;
      if (!expected) await sleep(50);
      if ((i + 1) % every === 0) await sample();
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  await sample();
  if (!ended && idle > 0) {
    await sleep(1000 * idle);
    await sample(true);
  }
  process.off('SIGINT', stop);
  process.off('SIGTERM', stop);
}

const parts = ({ resident, heap, arrays }: Sample['front']) =>
  `${megabytes(resident)} (${megabytes(heap)}, ${megabytes(arrays)})`;
