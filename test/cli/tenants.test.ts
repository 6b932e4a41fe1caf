import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { testApp } from '../helpers/app.ts';
import { COMMAND, ROOT, temporaryDirectory } from '../helpers/paths.ts';
import { environment, until } from '../helpers/service.ts';

/** An app that listens, an admin key for it, and the command run against it. */
async function setUp(t: TestContext) {
  const parts = await testApp(t, {}, { mode: 'keys' });
  const url = await parts.app.listen({ host: '127.0.0.1', port: 0 });
  const { key } = await parts.access.key(['admin']);
  const dir = await temporaryDirectory(t);
  const env = { CLIPN_URL: url, CLIPN_API_KEY: key };
  const write = (name: string, text: string) => writeFile(join(dir, name), text);
  const run = (args: string[], more: Record<string, string> = {}, input = '') => {
    const child = start(args, { ...env, ...more });
    child.stdin?.end(input);
    return outcome(child);
  };
  return { ...parts, url, env, dir, write, run };
}

function start(args: string[], env: Record<string, string>): ChildProcess {
  return spawn(process.execPath, [COMMAND, 'tenants', ...args], { cwd: ROOT, env: environment(env) });
}

function outcome(child: ChildProcess): Promise<{ code: number | null; out: string; err: string }> {
  let [out, err] = ['', ''];
  child.stdout?.on('data', (chunk) => (out += chunk));
  child.stderr?.on('data', (chunk) => (err += chunk));
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err })));
}

describe('clipn-gate tenants', () => {
  it('tenants apply shows the difference, applies it, and then finds nothing to do', async (t) => {
    const { run, write, dir, registry } = await setUp(t);
    await write('zoo.yaml', 'classes: [lion, tiger]\n');
    await write('shop.json', '{"classes": ["sofa"], "method": "atd"}');
    const dry = await run(['apply', '-f', dir, '--dry-run', '--exit-code']);
    assert.equal(dry.code, 3);
    assert.match(dry.out, /zoo: new, 2 classes\n/);
    assert.equal(registry.list({ limit: 9 }).tenants.length, 1, 'nothing has changed');
    const first = await run(['apply', '-f', dir]);
    assert.equal(first.code, 0, first.err);
    assert.match(first.out, /zoo: version 1 is ready/);
    assert.match(first.out, /warning: With one class/);
    const again = await run(['apply', '-f', dir]);
    assert.deepEqual([again.code, again.out], [0, '0 new, 0 changed, 0 removed, 2 unchanged\n']);
    assert.equal((await run(['apply', '-f', dir, '--dry-run', '--exit-code'])).code, 0);

    await write('zoo.yaml', 'classes: [lion, panda]\n');
    const json = await run(['apply', '-f', dir, '--json']);
    const lines = json.out
      .trim()
      .split('\n')
      .map((l) => JSON.parse(l));
    assert.deepEqual(
      lines.map((l) => [l.tenant, l.action, l.result, l.version]),
      [
        ['shop', 'unchanged', 'done', undefined],
        ['zoo', 'update', 'done', 2],
      ],
    );
    assert.match(json.err, /- tiger\n {4}\+ panda/);
    const got = await run(['get', 'zoo', 'shop']);
    const back = await run(['apply', '-f', '-'], {}, got.out);
    assert.match(back.out, /2 unchanged/, 'what get gives apply takes');
  });

  it('tenants apply --prune asks for confirmation, and needs --yes without a terminal', async (t) => {
    const { run, write, dir, registry } = await setUp(t);
    await write('zoo.yaml', 'classes: [lion, tiger]\n');
    const refused = await run(['apply', '-f', dir, '--prune']);
    assert.deepEqual([refused.code, registry.list({ limit: 9 }).tenants.length], [2, 1]);
    assert.match(refused.err, /Remove demo\?.*--yes/);
    const done = await run(['apply', '-f', dir, '--prune', '--yes']);
    assert.equal(done.code, 0, done.err);
    assert.deepEqual(
      registry.list({ limit: 9 }).tenants.map((v) => v.record.id),
      ['zoo'],
    );
    const empty = await temporaryDirectory(t);
    assert.equal((await run(['apply', '-f', empty, '--prune', '--yes'])).code, 2, 'an empty folder removes nothing');
  });

  it('tenants apply continues after a tenant that fails', async (t) => {
    const { run, write, dir, access } = await setUp(t);
    const { key } = await access.key(['manage:team-*'], { classes: 2 });
    await write('team-a.yaml', 'classes: [a, b, c]\n');
    await write('team-b.yaml', 'classes: [a, b]\n');
    const { code, out, err } = await run(['apply', '-f', dir], { CLIPN_API_KEY: key });
    assert.equal(code, 1);
    assert.match(err, /team-a: .*\(quota_exceeded\)/);
    assert.match(out, /team-b: version 1 is ready/);
    const other = await run(['apply', '-f', '-'], { CLIPN_API_KEY: key }, 'tenant: zoo\nclasses: [a]\n');
    assert.deepEqual([other.code, /forbidden/.test(other.err)], [1, true]);
  });

  it('tenants apply waits for features up to --timeout', async (t) => {
    const { run, builder } = await setUp(t);
    builder.delayMs = 400;
    const waited = await run(['apply', '-f', '-'], {}, 'tenant: slow\nclasses: [a, b]\n');
    assert.deepEqual([waited.code, /slow: version 1 is ready/.test(waited.out)], [0, true], waited.err);
    const release = builder.hold();
    const short = await run(['apply', '-f', '-', '--timeout', '1s'], {}, 'tenant: slow\nclasses: [c]\n');
    assert.equal(short.code, 1);
    assert.match(short.err, /build_timeout/);
    const not = await run(['apply', '-f', '-', '--no-wait'], {}, 'tenant: other\nclasses: [d]\n');
    assert.deepEqual([not.code, /other: version 1 is building/.test(not.out)], [0, true]);
    release();
  });

  it('tenants apply that was interrupted and is run again waits for the builds in progress, and changes nothing', async (t) => {
    const { run, builder, env, write, dir, registry } = await setUp(t);
    await write('slow.yaml', 'classes: [a, b]\n');
    builder.delayMs = 4000;
    const first = start(['apply', '-f', dir], env);
    const ended = outcome(first);
    await until('the build is in progress', 20_000, () =>
      registry.list({ limit: 9 }).tenants.some((v) => v.record.id === 'slow'),
    );
    first.kill('SIGINT');
    const stopped = await ended;
    assert.equal(stopped.code, 130);
    assert.match(stopped.err, /Builds in progress continue in the service; the same command waits for them/);
    const not = await run(['apply', '-f', dir, '--no-wait']);
    assert.deepEqual([not.code, /slow: version 1 is building/.test(not.out)], [0, true], not.out);
    const second = await run(['apply', '-f', dir, '--json']);
    assert.equal(second.code, 0, second.err);
    assert.match(second.err, /slow: unchanged, version 1 is not ready yet/);
    const { tenant, action, version, state } = JSON.parse(second.out);
    assert.deepEqual(
      { tenant, action, version, state },
      { tenant: 'slow', action: 'unchanged', version: 1, state: 'ready' },
    );
  });

  it('tenants list, get and delete show and change a running service', async (t) => {
    const { run, registry } = await setUp(t);
    await registry.put('zoo', { classes: ['lion', 'tiger', 'bear'] }, { waitMs: 1000 });
    const list = await run(['list']);
    assert.match(list.out, /^tenant +state +version +classes +changed\ndemo +ready +1 +2 .*\nzoo +ready +1 +3 /);
    assert.equal((await run(['list', '--prefix', 'z', '--json'])).out.trim().split('\n').length, 1);
    assert.equal((await run(['get', 'nowhere'])).code, 1);
    assert.equal(JSON.parse((await run(['get', 'zoo', '--json'])).out).class_count, 3);
    assert.equal((await run(['delete', 'zoo'])).code, 2);
    const gone = await run(['delete', 'nowhere', 'zoo', '--yes']);
    assert.deepEqual([gone.code, registry.list({ limit: 9 }).tenants.length], [1, 1]);
  });

  it('tenants watch prints changes until it is interrupted', async (t) => {
    const { env, registry } = await setUp(t);
    const child = start(['watch', '--every', '0s'], env);
    t.after(() => child.kill('SIGKILL'));
    let out = '';
    child.stdout?.on('data', (chunk) => (out += chunk));
    const ended = outcome(child);
    await until('existing tenants are printed', 20_000, () => /demo {2}version 1 ready, 2 classes/.test(out));
    await registry.put('zoo', { classes: ['lion', 'tiger'] }, { waitMs: 1000 });
    await until('the new tenant is printed', 20_000, () => /zoo {2}version 1 ready/.test(out));
    await registry.delete('zoo');
    await until('the removal is printed', 20_000, () => /zoo {2}removed/.test(out));
    child.kill('SIGINT');
    assert.equal((await ended).code, 0);
  });

  it('tenants explains connection errors without printing the key', async (t) => {
    const { run, env } = await setUp(t);
    const stranger = createServer((_, response) => void response.writeHead(502).end('<html>Bad gateway</html>'));
    await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
    t.after(() => stranger.close());
    const { port } = stranger.address() as AddressInfo;
    for (const [args, more, code, pattern] of [
      [['list'], { CLIPN_API_KEY: '' }, 1, /needs an API key.*\(unauthenticated\)/],
      [['list'], { CLIPN_API_KEY: `${env.CLIPN_API_KEY}x` }, 1, /not valid.*\(unauthenticated\)/],
      [['list', '--url', `http://127.0.0.1:${port}`], {}, 1, /answered 502, which is not a reply of clipn-gate/],
      [['list', '--url', 'ftp://x'], {}, 2, /is not a valid address/],
      [['list', '--state', 'sleepy'], {}, 1, /invalid_request/],
      [['apply'], {}, 2, /filename/],
    ] as const) {
      const { code: got, err } = await run([...args], more);
      assert.deepEqual([got, pattern.test(err)], [code, true], err);
      assert.ok(!err.includes(env.CLIPN_API_KEY.slice(17)));
    }
    stranger.close();
    const away = await run(['list', '--url', `http://127.0.0.1:${port}`], {});
    assert.equal(away.code, 1);
  });
});
