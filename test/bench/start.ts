/**
 * `npm run bench -- start`: cold starts, each with an empty data directory: `serve` until its line "ready" and until /readyz answers 200, `detect` until its
 * first verdict; medians, and the processor time of all processes until then.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { COMMAND, ROOT } from '../helpers/paths.ts';
import { procStat } from '../helpers/proc-stat.ts';
import { environment } from '../helpers/service.ts';
import type { Bench } from './main.ts';
import { fixed, median, table } from './report.ts';

const STARTS = 5;
const SAMPLE = join(ROOT, 'samples', readdirSync(join(ROOT, 'samples')).find((f) => f.endsWith('.jpg')) as string);
const POLL_MS = 5;

/** Processor time of a process and its children, milliseconds. The clock has 100 ticks per second. */
function cpuMs(pid: number): number {
  const of = (id: string) => {
    const { user, system } = procStat(id);
    return 10 * (user + system);
  };
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
  return [String(pid), ...children].reduce((sum, id) => sum + of(id), 0);
}

function start(args: string[], bundle: string, dataDir: string): ChildProcess {
  return spawn(process.execPath, [COMMAND, ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: environment({ CLIPN_BUNDLE: bundle, CLIPN_DATA_DIR: dataDir, CLIPN_PORT: '0' }),
  });
}

/** Polls until the service says that it is ready. */
async function untilReady(url: string): Promise<void> {
  for (;;) {
    const { status } = await fetch(`${url}/readyz`).catch(() => ({ status: 0 }));
    if (status === 200) return;
    await sleep(POLL_MS);
  }
}

interface Start {
  readyMs: number;
  readyzMs: number;
  cpuMs: number;
}

async function serveOnce(bundle: string, dataDir: string): Promise<Start> {
  const began = performance.now();
  const child = start(['serve'], bundle, dataDir);
  const exited = new Promise((resolve) => child.on('exit', resolve));
  let readyz: Promise<number> | undefined;
  let text = '';
  const readyMs = await new Promise<number>((resolve, reject) => {
    void exited.then(() => reject(new Error('the service ended')));
    child.stdout?.on('data', (chunk) => {
      text += chunk;
      const url = /listening at (http:\S+?)"/.exec(text)?.[1];
      if (url) readyz ??= untilReady(url).then(() => performance.now() - began);
      if (text.includes('"msg":"ready: ')) resolve(performance.now() - began);
    });
  });
  const cpu = cpuMs(child.pid as number);
  const readyzMs = (await readyz) ?? Number.NaN;
  child.kill('SIGTERM');
  await exited;
  return { readyMs, readyzMs, cpuMs: cpu };
}

async function detectOnce(bundle: string, dataDir: string): Promise<number> {
  const began = performance.now();
  const child = start(['detect', SAMPLE, '--classes', 'cat,dog,car'], bundle, dataDir);
  const exited = new Promise((resolve) => child.on('exit', resolve));
  const first = new Promise<number>((resolve) => child.stdout?.once('data', () => resolve(performance.now() - began)));
  await exited;
  return first;
}

async function inEmptyDirectory<T>(task: (dir: string) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), 'clipn-start-'));
  try {
    return await task(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

export const coldStart: Bench = async ({ bundle, count = STARTS }) => {
  const serves: Start[] = [];
  const detects: number[] = [];
  for (let i = 0; i < count; i++) {
    serves.push(await inEmptyDirectory((dir) => serveOnce(bundle, dir)));
    detects.push(await inEmptyDirectory((dir) => detectOnce(bundle, dir)));
  }
  const row = (name: string, values: number[]) => [
    name,
    fixed(median(values) / 1000, 2),
    values.map((v) => fixed(v / 1000, 2)).join(' '),
  ];
  const of = (key: keyof Start) => serves.map((s) => s[key]);
  table(
    ['seconds', 'median', 'all'],
    [
      row('serve: the line "ready"', of('readyMs')),
      row('serve: /readyz answers 200', of('readyzMs')),
      row('serve: processor time until "ready"', of('cpuMs')),
      row('detect: the first verdict', detects),
    ],
  );
  return { serves, detects };
};
