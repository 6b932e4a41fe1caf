import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it, type TestContext } from 'node:test';
import { lockDirectory } from '../../src/storage/directory-lock.ts';
import { ROOT, temporaryDirectory } from '../helpers/paths.ts';

const PROGRAM = join(import.meta.dirname, 'hold-lock.ts');
const quiet = (notice: string) => assert.fail(notice);

/** Starts a process that locks the directory; resolves with it and its first line. */
function contend(t: TestContext, dir: string) {
  const child = spawn(process.execPath, ['--import', 'tsx', PROGRAM, dir], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const line = new Promise<string>((resolve) => createInterface(child.stdout).once('line', resolve));
  return line.then((first) => ({ child, ended, first }));
}

describe('the lock of a data directory', () => {
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

  it('is taken from another host that has been silent, after a wait that is announced', async (t) => {
    const dir = await temporaryDirectory(t);
    await mkdir(dir, { recursive: true });
    await writeFile(join(dir, '.lock.json'), '{"pid":1,"host":"elsewhere","since":"2026-01-01T00:00:00.000Z"}');
    const notices: string[] = [];
    const lock = await lockDirectory(dir, (notice) => notices.push(notice));
    assert.match(notices.join(), /process 1 on elsewhere/);
    await lock.release();
  });

  it('is refused while the file of a holder on another host goes on changing', async (t) => {
    const dir = await temporaryDirectory(t);
    const write = () =>
      writeFile(join(dir, '.lock.json'), '{"pid":1,"host":"elsewhere","since":"2026-01-01T00:00:00.000Z"}');
    await write();
    const beat = setInterval(() => void write(), 300);
    t.after(() => clearInterval(beat));
    await assert.rejects(
      lockDirectory(dir, () => {}),
      /in use by process 1 on elsewhere/,
    );
  });
});
