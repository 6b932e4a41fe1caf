import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { waves } from '../helpers/images.ts';
import { BUNDLE, COMMAND, ROOT, temporaryDirectory } from '../helpers/paths.ts';
import { environment, startService, until } from '../helpers/service.ts';

interface Outcome {
  code: number | null;
  out: string;
  err: string;
}

/** Runs a command to its end. */
function run(args: string[], env: Record<string, string>): Promise<Outcome> {
  const child: ChildProcess = spawn(process.execPath, [COMMAND, ...args], { cwd: ROOT, env: environment(env) });
  let [out, err] = ['', ''];
  child.stdout?.on('data', (chunk) => (out += chunk));
  child.stderr?.on('data', (chunk) => (err += chunk));
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out: out.trim(), err })));
}

const bearer = (key: string) => ({ headers: { authorization: `Bearer ${key}` } });

describe('keys, with real processes', () => {
  it('serve on an address other than loopback is refused without a key, and the error says how to create one', async (t) => {
    const dir = await temporaryDirectory(t);
    const env = { CLIPN_BUNDLE: BUNDLE, CLIPN_DATA_DIR: dir, CLIPN_PORT: '0', CLIPN_HOST: '0.0.0.0' };
    const { code, err } = await run(['serve'], env);
    assert.equal(code, 2);
    assert.match(err, /0\.0\.0\.0 can be reached from other machines, and there is no API key/);
    assert.match(err, /keys create --admin/);
    assert.match(err, /CLIPN_AUTH=off/);
  });

  it('keys created, revoked and damaged on the command line take effect in a running service and last over a restart', async (t) => {
    const dir = await temporaryDirectory(t);
    const env = { CLIPN_DATA_DIR: dir };
    const { url, child, exited, log } = await startService(t, dir);
    const status = (path: string, key?: string) => fetch(url + path, key ? bearer(key) : {}).then((r) => r.status);
    assert.equal(await status('/v1/tenants'), 200);
    const made = await run(['keys', 'create', '--admin', '--name', 'first'], env);
    assert.equal(made.code, 0, made.err);
    assert.match(made.out, /^clipn_\w{10}_\w{49}$/);
    await until('keys are asked for', 3000, async () => (await status('/v1/tenants')) === 401);
    assert.equal(await status('/v1/tenants', made.out), 200);

    const camera = await run(
      ['keys', 'create', '--detect', 'demo', '--name', 'camera', '--expires', '1h', '--json'],
      env,
    );
    const { key, id } = JSON.parse(camera.out) as { key: string; id: string };
    const picture = await waves(60, 60, 1).png().toBuffer();
    const detect = () =>
      fetch(`${url}/v1/detect`, {
        method: 'POST',
        headers: { ...bearer(key).headers, 'content-type': 'image/png' },
        body: new Uint8Array(picture),
      }).then((r) => r.status);
    await until('the new key is known', 3000, async () => (await detect()) === 200);
    assert.equal(await status('/v1/tenants/demo', key), 403);
    assert.equal(await status('/v1/tenants/nowhere', key), 403);
    assert.equal((await run(['keys', 'revoke', `clipn_${id}_`], env)).code, 0);
    await until('the revocation is known', 3000, async () => (await detect()) === 401);
    assert.equal((await run(['keys', 'revoke', '0000000000'], env)).code, 1);

    const keys = join(dir, 'access', 'keys');
    const [file] = (await readdir(keys)).filter((n) => !n.startsWith(id));
    await writeFile(join(keys, 'x'), 'wakes the watcher of the folder');
    await writeFile(join(keys, file as string), (await readFile(join(keys, file as string), 'utf8')).slice(0, 40));
    await until('the damaged key opens nothing', 3000, async () => (await status('/v1/tenants', made.out)) === 401);
    assert.ok(log.some((l) => l['level'] === 'error' && /cannot be read/.test(String(l['msg']))));
    const list = await run(['keys', 'list'], env);
    assert.equal(list.code, 1);
    assert.match(list.out, new RegExp(`clipn_${id}_ +camera +revoked +detect:demo`));
    assert.match(list.err, /damaged, grants nothing: .*\.json: /);

    child.kill('SIGTERM');
    assert.equal(await exited, 0);
    const again = await startService(t, dir);
    assert.equal(await fetch(`${again.url}/v1/tenants`).then((r) => r.status), 401, 'damage opens nothing to anybody');
    const audit = (await readdir(join(dir, 'audit'))).length;
    assert.equal(audit, 1);
    const text = JSON.stringify([log, again.log]);
    for (const secret of [made.out, key]) assert.ok(!text.includes(secret.slice(17)));
  });

  it('the command keys ends with 2 on wrong arguments and with 1 on impossible keys', async (t) => {
    const env = { CLIPN_DATA_DIR: await temporaryDirectory(t) };
    assert.equal((await run(['keys', 'create', '--admin'], env)).code, 2);
    for (const args of [
      [],
      ['--detect', 'Not A Tenant'],
      ['--admin', '--expires', 'soon'],
      ['--admin', '--images-per-second', 'many'],
    ]) {
      const { code, err } = await run(['keys', 'create', '--name', 'x', ...args], env);
      assert.equal(code, 1, args.join(' '));
      assert.ok(err.startsWith('clipn-gate: '), err);
    }
    const list = await run(['keys', 'list'], env);
    assert.deepEqual([list.code, list.out], [0, '']);
  });
});
