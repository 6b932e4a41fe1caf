import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { listenOn } from '../../src/serving/all-addresses.ts';
import { waves } from '../helpers/images.ts';
import { BUNDLE, COMMAND, ROOT, temporaryDirectory } from '../helpers/paths.ts';
import { environment, startService } from '../helpers/service.ts';

const env = (more: Record<string, string> = {}) => environment({ CLIPN_BUNDLE: BUNDLE, ...more });
const run = (args: string[], more?: Record<string, string>) =>
  spawnSync(process.execPath, [COMMAND, ...args], { cwd: ROOT, encoding: 'utf8', env: env(more) });

/** Runs a command on a terminal of its own; types `keys` when the screen shows `prompt`. */
async function onTerminal(command: string, prompt: string, keys: string) {
  const child = spawn('script', ['-qec', command, '/dev/null'], { cwd: ROOT, env: env() });
  let screen = '';
  let typed = false;
  child.stdout.on('data', (chunk) => {
    screen += chunk;
    if (typed || !screen.includes(prompt)) return;
    typed = true;
    child.stdin.write(keys);
  });
  const [status] = await once(child, 'close');
  return { status, screen };
}
const noTerminal = spawnSync('script', ['--version']).error ? 'needs the program script (util-linux)' : false;

describe('ordinary mistakes', () => {
  it('wrong arguments get one line and the word --help, not the whole help', () => {
    for (const args of [['detect'], ['detect', '--nonsense', 'x.jpg'], ['nonsense']]) {
      const { status, stdout, stderr } = run(args);
      assert.equal(status, 2);
      assert.equal(stdout, '');
      assert.match(stderr, /^error: [^\n]+\n\nSee --help\.\n$|^error: [^\n]+\nSee --help\.\n$/, stderr);
    }
  });

  it('a port that is in use, an address of another machine and an unknown host get one line', async (t) => {
    const other = createServer().listen(0, '127.0.0.1');
    t.after(() => other.close());
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    const data = await temporaryDirectory(t);
    const told = (host: string, number: number) => {
      const { status, stderr } = run(['serve', '--log-level', 'silent'], {
        CLIPN_DATA_DIR: data,
        CLIPN_HOST: host,
        CLIPN_PORT: String(number),
        CLIPN_AUTH: 'off',
      });
      assert.equal(status, 1, stderr);
      assert.equal(stderr.trimEnd().split('\n').length, 1, stderr);
      return stderr;
    };
    assert.match(told('127.0.0.1', port), new RegExp(`Port ${port} is in use on 127\\.0\\.0\\.1\\..*--port`));
    assert.match(told('192.0.2.1', 0), /192\.0\.2\.1 is not an address of this machine.*CLIPN_HOST/);
    assert.match(told('no-such-host.invalid', 0), /The host name no-such-host\.invalid is unknown.*CLIPN_HOST/);
  });

  it('a data directory that cannot be written is named with its setting and the user', async (t) => {
    const file = join(await temporaryDirectory(t), 'file');
    await writeFile(file, '');
    const { status, stderr } = run(['serve', '--log-level', 'silent'], { CLIPN_DATA_DIR: join(file, 'data') });
    assert.equal(status, 1);
    assert.match(
      stderr,
      /^clipn-gate: The data directory \S+\/file\/data cannot be written by the user .+: ENOTDIR\..*\(CLIPN_DATA_DIR\)\.\n$/,
    );
  });

  it('a reader that closes the pipe ends detect without an error message', async (t) => {
    const dir = await temporaryDirectory(t);
    await mkdir(join(dir, 'photos'));
    const image = await waves(40, 30, 1).jpeg().toBuffer();
    for (let i = 0; i < 8; i++) await writeFile(join(dir, 'photos', `${i}.jpg`), image);
    const command = `'${process.execPath}' '${COMMAND}' detect --json --classes a,b '${dir}/photos' | true; exit \${PIPESTATUS[0]}`;
    const { status, stderr } = spawnSync('bash', ['-c', command], {
      encoding: 'utf8',
      env: env({ CLIPN_DATA_DIR: join(dir, 'data') }),
    });
    assert.equal(status, 141);
    assert.doesNotMatch(stderr, /EPIPE|\bat /);
  });

  it('Ctrl-D at a confirmation is a no, and Ctrl-C ends with 130', { skip: noTerminal }, async () => {
    const command = `'${process.execPath}' '${COMMAND}' tenants delete zoo --url http://127.0.0.1:9`;
    const no = await onTerminal(command, '[y/N] ', '\u0004');
    assert.equal(no.status, 1, no.screen);
    const stopped = await onTerminal(command, '[y/N] ', '\u0003');
    assert.equal(stopped.status, 130, stopped.screen);
    for (const { screen } of [no, stopped]) assert.doesNotMatch(screen, /unsettled|Warning|\bat /);
  });
});

describe('where the service listens', () => {
  it('IPv6 addresses are taken with and without brackets', async (t) => {
    for (const host of ['::1', '[::1]']) {
      const { url, child, exited } = await startService(t, await temporaryDirectory(t), { CLIPN_HOST: host });
      assert.match(url, /^http:\/\/\[::1\]:\d+$/);
      assert.equal((await fetch(`${url}/livez`)).status, 200);
      child.kill('SIGTERM');
      assert.equal(await exited, 0);
    }
  });

  it(':: serves IPv4 and IPv6, as the images and the chart have it', async (t) => {
    const { url } = await startService(t, await temporaryDirectory(t), { CLIPN_HOST: '::', CLIPN_AUTH: 'off' });
    const { port } = new URL(url);
    for (const host of ['127.0.0.1', '[::1]'])
      assert.equal((await fetch(`http://${host}:${port}/readyz`)).status, 200, host);
    for (const file of ['docker/Dockerfile', 'docker/Dockerfile.gpu', 'helm/clipn-gate/templates/_pod.tpl'])
      assert.match(await readFile(join(ROOT, file), 'utf8'), /CLIPN_HOST=::|CLIPN_HOST, value: "::"/, file);
  });

  it(':: means 0.0.0.0 on a machine without IPv6, and no other address changes', async () => {
    const tried: string[] = [];
    const start = (host: string) => {
      tried.push(host);
      return host.includes(':')
        ? Promise.reject(Object.assign(new Error(), { code: 'EAFNOSUPPORT' }))
        : Promise.resolve(host);
    };
    assert.equal(await listenOn('[::]', start), '0.0.0.0');
    await assert.rejects(listenOn('::1', start), { code: 'EAFNOSUPPORT' });
    assert.deepEqual(tried, ['::', '0.0.0.0', '::1']);
  });

  it('a unix socket is served, one that a killed process left behind is replaced, one in use is not', async (t) => {
    const dir = await temporaryDirectory(t);
    const path = join(dir, 'gate.sock');
    const host = `unix:${path}`;
    const first = await startService(t, join(dir, 'data'), { CLIPN_HOST: host });
    assert.equal(first.url, host);
    const answer = () =>
      spawnSync('curl', ['-sS', '-o', '/dev/null', '-w', '%{http_code}', '--unix-socket', path, 'http://gate/livez'], {
        encoding: 'utf8',
      }).stdout;
    assert.equal(answer(), '200');
    const { status, stderr } = run(['serve', '--log-level', 'silent'], {
      CLIPN_DATA_DIR: join(dir, 'other'),
      CLIPN_HOST: host,
    });
    assert.equal(status, 1);
    assert.match(stderr, /^clipn-gate: Another process listens on unix:\S+\. .*CLIPN_HOST\)\.\n$/);
    first.child.kill('SIGKILL');
    await first.exited;
    await startService(t, join(dir, 'data'), { CLIPN_HOST: host });
    assert.equal(answer(), '200');
  });
});
