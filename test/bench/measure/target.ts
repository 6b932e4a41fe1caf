import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Bundle } from '../../../src/bundle/load.ts';
import { openBundle } from '../../../src/serving/open-bundle.ts';
import { COMMAND, DEFAULT_BUNDLE, ROOT } from '../../helpers/paths.ts';
import { environment, putTenant } from '../../helpers/service.ts';

/** The service in processes of its own, as users start it; made by `withService`. */
export interface Target {
  url: string;
  bundle: Bundle;
  front: number;
  /** The engine that is ready now. */
  engine(): number;
  /** Seconds from the start of the process to its saying that it is ready. */
  startSeconds: number;
  log: Record<string, unknown>[];
}

/** Classes of every tenant that a bench makes. */
export const TEN = 'dog,cat,bird,butterfly,elephant,airplane,bicycle,car,pizza,sunflower'.split(',');

/** Starts the service with an empty data directory, registers `tenants` with ten classes each, and cleans up after `task`. */
export async function withService<T>(
  {
    dir = DEFAULT_BUNDLE,
    env = {},
    tenants = [],
    command = COMMAND,
  }: { dir?: string; env?: Record<string, string>; tenants?: string[]; command?: string },
  task: (target: Target) => Promise<T>,
): Promise<T> {
  const data = mkdtempSync(join(tmpdir(), 'clipn-gate-bench-'));
  const { bundle } = await openBundle({
    bundle: dir,
    device: 'cpu',
    precision: env['CLIPN_PRECISION'] ?? 'auto',
  } as never);
  const began = performance.now();
  const child = spawn(process.execPath, [command, 'serve'], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: environment({ CLIPN_BUNDLE: dir, CLIPN_DATA_DIR: data, CLIPN_PORT: '0', ...env }),
  });
  const exited = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  try {
    const log: Record<string, unknown>[] = [];
    const url = await new Promise<string>((resolve, reject) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        // request lines are counted in the service's cost by being written; parsing them here would be the client's
        if (line.includes('"msg":"request"')) return;
        const entry = JSON.parse(line) as Record<string, unknown>;
        log.push(entry);
        if (String(entry['msg']).startsWith('ready: ')) resolve(String(entry['address']));
      });
      void exited.then(() => reject(new Error(`the service ended before it was ready\n${JSON.stringify(log)}`)));
    });
    const startSeconds = (performance.now() - began) / 1000;
    for (const id of tenants) {
      const reply = await putTenant(url, id, { classes: TEN });
      if (!reply.ok) throw new Error(`tenant ${id}: ${reply.status} ${await reply.text()}`);
    }
    const engine = () => Number(log.findLast((l) => l['msg'] === 'engine ready')?.['pid']);
    return await task({ url, bundle, front: child.pid as number, engine, startSeconds, log });
  } finally {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
    await exited;
    clearTimeout(timer);
    rmSync(data, { recursive: true, force: true });
  }
}
