import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it, type TestContext } from 'node:test';
import { lockDirectory } from '../../src/storage/directory-lock.ts';
import type { Holder } from '../../src/storage/lock-holder.ts';
import { ROOT, temporaryDirectory } from '../helpers/paths.ts';
import { testProgram } from '../helpers/programs.ts';

const quiet = (notice: string) => assert.fail(notice);

/** The record of a process that holds the lock now. */
async function holderNow(dir: string): Promise<Holder> {
  const lock = await lockDirectory(dir, quiet);
  const record = await readFile(join(dir, '.lock.1.json'), 'utf8');
  await lock.release();
  return JSON.parse(record);
}

/** The same after its process has ended. */
const gone = (holder: Holder): Holder => ({ ...holder, socket: '.lock.0000000000000000.sock' });

/** A process space and a host name of its own, as a container has; Linux, root only. */
const CONTAINER = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc', '--uts'];
const skipContainer =
  spawnSync(CONTAINER[0] as string, [...CONTAINER.slice(1), 'true']).status === 0 ? false : 'needs unshare, and root';

/** Starts a process that locks the directory; resolves with it and its first line. */
function contend(t: TestContext, dir: string, before: string[] = []) {
  const [command = '', ...args] = [...before, process.execPath, ...testProgram('storage/hold-lock'), dir];
  const child = spawn(command, args, {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const line = new Promise<string>((resolve) => createInterface(child.stdout).once('line', resolve));
  return line.then((first) => ({ child, ended, first }));
}

// side by side: some wait for a holder to be silent for long enough
describe('the lock of a data directory', { concurrency: 4 }, () => {
  it('is refused to a second process, which names the first', async (t) => {
    const dir = await temporaryDirectory(t);
    const { child, first } = await contend(t, dir);
    assert.equal(first, 'locked');
    await assert.rejects(lockDirectory(dir, quiet), (error: Error) => {
      assert.match(error.message, new RegExp(`in use by process ${child.pid} on .+, since 20`));
      return error.message.includes(dir);
    });
  });

  it('is kept by a process that is stopped', async (t) => {
    const dir = await temporaryDirectory(t);
    const { child } = await contend(t, dir);
    child.kill('SIGSTOP');
    await assert.rejects(lockDirectory(dir, quiet), /in use by process/);
  });

  it('is free at once after kill -9, and after an orderly end', async (t) => {
    const dir = await temporaryDirectory(t);
    for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
      const { child, ended, first } = await contend(t, dir);
      assert.equal(first, 'locked');
      child.kill(signal);
      await ended;
    }
    const lock = await lockDirectory(dir, quiet);
    await lock.release();
    assert.deepEqual(await readdir(dir), [], 'nothing is left behind');
  });

  it('is given to one process when several take over a stale one together', async (t) => {
    const dir = await temporaryDirectory(t);
    for (let round = 0; round < 3; round++) {
      const started = await Promise.all(Array.from({ length: 5 }, () => contend(t, dir)));
      const holders = started.filter((s) => s.first === 'locked');
      assert.equal(holders.length, 1, started.map((s) => s.first).join('\n'));
      holders[0]?.child.kill('SIGKILL');
      await holders[0]?.ended;
    }
  });

  it('works in a directory whose path is longer than a socket may be named', async (t) => {
    const dir = join(await temporaryDirectory(t), 'x'.repeat(120));
    const { first } = await contend(t, dir);
    assert.equal(first, 'locked');
    await assert.rejects(lockDirectory(dir, quiet), /in use by process/);
  });

  it('is given to at most one of many that find records of ended processes', async (t) => {
    const dir = await temporaryDirectory(t);
    let held = 0;
    for (let round = 0; round < 40; round++) {
      await writeFile(join(dir, '.lock.7.json'), JSON.stringify({ ...gone(await holderNow(dir)), pid: round }));
      const locks = await Promise.allSettled(Array.from({ length: 8 }, () => lockDirectory(dir, quiet)));
      const holders = locks.filter((l) => l.status === 'fulfilled');
      assert.ok(holders.length <= 1, `round ${round}: ${holders.length} hold the lock`);
      held += holders.length;
      for (const { value } of holders) await value.release();
      assert.deepEqual(
        (await readdir(dir)).filter((name) => name.endsWith('.sock')),
        [],
        'no socket is left behind',
      );
    }
    assert.ok(held > 30, `held in ${held} rounds of 40`);
  });

  it('holds between containers, in which every process has the number 1', { skip: skipContainer }, async (t) => {
    const dir = await temporaryDirectory(t);
    const container = (name: string) => [...CONTAINER, 'sh', '-c', `hostname ${name}; exec "$@"`, 'sh'];
    const { child, ended, first } = await contend(t, dir, container('pod-a'));
    assert.equal(first, 'locked');
    const second = await contend(t, dir, container('pod-b'));
    assert.match(second.first, /in use by process 1 on pod-a/);
    child.kill('SIGKILL');
    await ended;
    // the system ends the process in the container soon after that of unshare; nothing waits for a silent holder
    const { first: third } = await contend(t, dir, container('pod-c'));
    assert.equal(third, 'locked');
  });

  it('is free at once where a container of another name on the same machine was killed', async (t) => {
    const dir = await temporaryDirectory(t);
    const record = { ...gone(await holderNow(dir)), host: 'another-container', pid: process.pid };
    await writeFile(join(dir, '.lock.1.json'), JSON.stringify(record));
    await (await lockDirectory(dir, quiet)).release();
  });

  const ELSEWHERE = { pid: 1, host: 'elsewhere', since: '2026-01-01T00:00:00.000Z', boot: 'x', device: '1' };
  const cases = {
    'another machine': { ...ELSEWHERE, host: hostname(), socket: '.lock.0123456789abcdef.sock' },
    'a file system without sockets': { ...ELSEWHERE, socket: null },
  };
  for (const [where, record] of Object.entries(cases)) {
    it(`is taken from a holder on ${where} that has been silent, after a wait that is announced`, async (t) => {
      const dir = await temporaryDirectory(t);
      await writeFile(join(dir, '.lock.1.json'), JSON.stringify(record));
      const notices: string[] = [];
      const lock = await lockDirectory(dir, (notice) => notices.push(notice));
      assert.match(notices.join(), new RegExp(`process 1 on ${record.host}; waiting`));
      await lock.release();
      assert.deepEqual(await readdir(dir), []);
    });

    it(`is refused while the record of a holder on ${where} changes, whatever its clock says`, async (t) => {
      const dir = await temporaryDirectory(t);
      const path = join(dir, '.lock.1.json');
      await writeFile(path, JSON.stringify(record));
      let clock = Date.now() - 300_000;
      const beat = setInterval(() => void utimes(path, new Date(), new Date(clock++)), 300);
      t.after(() => clearInterval(beat));
      await utimes(path, new Date(), new Date(clock));
      await assert.rejects(
        lockDirectory(dir, () => {}),
        new RegExp(`in use by process 1 on ${record.host}`),
      );
      assert.deepEqual(await readdir(dir), ['.lock.1.json'], 'the record stays');
    });
  }

  it('is given up at once by the record of a holder that has been silent for long, readable or not', async (t) => {
    const dir = await temporaryDirectory(t);
    for (const text of [JSON.stringify(ELSEWHERE), '', '{"pid":']) {
      const path = join(dir, '.lock.3.json');
      await writeFile(path, text);
      await utimes(path, 0, 0);
      await (await lockDirectory(dir, quiet)).release();
    }
    assert.deepEqual(await readdir(dir), []);
  });

  it('reports that its record was removed', async (t) => {
    const dir = await temporaryDirectory(t);
    let noticed = (_notice: string) => {};
    const notice = new Promise<string>((resolve) => {
      noticed = resolve;
    });
    const lock = await lockDirectory(dir, (text) => noticed(text));
    // a timer of the lock keeps no process alive, so this one does
    const alive = setInterval(() => {}, 1000);
    t.after(() => clearInterval(alive));
    await rm(join(dir, '.lock.1.json'));
    assert.match(await notice, /the lock of the data directory is lost/);
    await lock.release();
  });
});
