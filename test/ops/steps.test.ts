import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ROOT, temporaryDirectory } from '../helpers/paths.ts';

/** Runs steps as .ci/run does. @returns exit status, output, and the outcome of each step from the table */
function run(steps: string, env: Record<string, string>) {
  const script = `set -euo pipefail\n. .ci/steps.sh\n${steps}\nfinish\n`;
  const options = { cwd: ROOT, encoding: 'utf8', env: { ...process.env, ...env } } as const;
  const { status, stdout } = spawnSync('bash', ['-c', script], options);
  const table = stdout.slice(stdout.indexOf('wall s'));
  const outcomes = [...table.matchAll(/^(\S+) +\d+ +\d+ {2}(.+)$/gm)].map(([, name, outcome]) => [name, outcome]);
  return { status, stdout, outcomes: Object.fromEntries(outcomes) as Record<string, string> };
}

describe('the steps of CI', () => {
  it('a step begins after those that it needs, does not run if one of them failed, and ~ only orders', async (t) => {
    const dir = await temporaryDirectory(t);
    const { status, stdout, outcomes } = run(
      `step last 'waits for all' 'first ~broken' ls "${dir}"
step first 'writes a file' '~broken' touch "${dir}/written by first"
step broken 'fails' '' false
step never 'needs a step that fails' broken touch "${dir}/never"`,
      { TMPDIR: dir },
    );
    assert.equal(status, 1);
    assert.deepEqual(outcomes, {
      last: 'passed',
      first: 'passed',
      broken: 'FAILED with status 1',
      never: 'not run',
    });
    assert.match(stdout, /== last: waits for all\n(.+\n)*written by first\n/);
    assert.match(stdout, /^failed: broken never$/m);
    assert.ok(!existsSync(join(dir, 'never')));
  });

  it('a run whose steps have all passed ends with 0 and leaves no files', async (t) => {
    const dir = await temporaryDirectory(t);
    const { status, outcomes } = run("step one 'prints' '' echo done\nstep two 'prints' one ls", { TMPDIR: dir });
    assert.deepEqual([status, outcomes], [0, { one: 'passed', two: 'passed' }]);
    assert.equal(spawnSync('ls', [dir], { encoding: 'utf8' }).stdout, '');
  });

  it('the time of a start that is not written yet does not end the run', async (t) => {
    const { status, outcomes } = run(`step one 'is slow' '' sh -c ': >"$STATE/one.started"; sleep 1'`, {
      TMPDIR: await temporaryDirectory(t),
    });
    assert.deepEqual([status, outcomes], [0, { one: 'passed' }]);
  });

  it('a step that exceeds the time limit, and one of which a process of CI itself was killed, fail, and nothing waits for them', async (t) => {
    const dir = await temporaryDirectory(t);
    const { status, stdout, outcomes } = run(
      `step endless 'never ends' '' sleep 1000
step uncounted 'loses the program that counts' '' sh -c 'kill -9 $PPID; exit 0'
step killed 'loses its shell' '' sh -c 'kill -9 $(ps -o ppid= -p $PPID); exit 0'
step after 'needs none of them' '~endless ~uncounted ~killed' true`,
      { TMPDIR: dir, STEP_LIMIT_S: '1' },
    );
    assert.equal(status, 1);
    assert.deepEqual(outcomes, {
      endless: 'FAILED with status 124',
      uncounted: 'FAILED with status 137',
      killed: 'FAILED with status 137',
      after: 'passed',
    });
    assert.match(stdout, /ended after 1 s, the most that a step may take/);
  });
});
