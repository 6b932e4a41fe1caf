import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { after, before, describe, it, type TestContext } from 'node:test';
import { ROOT, temporaryDirectory } from '../helpers/paths.ts';
import { PostgresServer, withoutPostgres } from '../helpers/postgres.ts';
import { testProgram } from '../helpers/programs.ts';
import { randoms } from '../helpers/rows.ts';
import { MARK, markOf, openRegistry } from './kill-registry.ts';
import { madeRow, WIDTH } from './made-features.ts';

/** KILLS=200 node --import tsx --test test/tenants/kill.test.ts is the long run. */
const KILLS = Number(process.env['KILLS'] ?? 2);

type State = string[] | null;
interface Expectation {
  acknowledged: State;
  /** Changes that had begun and were not acknowledged: either is right. */
  begun: State[];
}

/** Runs the writer, kills it when it has acknowledged so many changes, and notes in `expected` what it said. Gives the number of acknowledged changes. */
async function writeAndKill(
  dir: string,
  store: string,
  round: number,
  changes: number,
  expected: Map<string, Expectation>,
) {
  const child = spawn(process.execPath, [...testProgram('tenants/kill-writer'), dir, store, String(round)], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (chunk) => (errors += chunk));
  const exited = new Promise<string | null>((resolve) => child.on('exit', (_code, signal) => resolve(signal)));
  let acknowledged = 0;
  const lines = createInterface({ input: child.stdout });
  const read = new Promise((resolve) => lines.on('close', resolve));
  const enough = new Promise<void>((resolve) => {
    lines.on('line', (line) => {
      const [worker, what, id, , classes] = JSON.parse(line) as [number | string, string, string, number, State];
      if (worker === 'ready') return;
      const state = expected.get(id) ?? { acknowledged: null, begun: [] };
      if (what === 'begin') expected.set(id, { ...state, begun: [...state.begun, classes] });
      else {
        if (++acknowledged > changes) resolve();
        expected.set(id, { acknowledged: classes, begun: [] });
      }
    });
  });
  await Promise.race([enough, exited]);
  child.kill('SIGKILL');
  assert.equal(await exited, 'SIGKILL', `the writer ended by itself: ${errors}`);
  await read;
  return acknowledged;
}

/** Starts again on the existing data: every acknowledged tenant, every feature. */
async function check(dir: string, store: string, expected: Map<string, Expectation>, round: number) {
  const { registry, heads, features, close } = await openRegistry(dir, store);
  try {
    await registry.start();
    let unacknowledged = 0;
    for (const [id, { acknowledged, begun }] of expected) {
      let found: State = null;
      try {
        found = [...(registry.get(id).record.definition.classes as string[]), ...markOf(registry, id)];
      } catch {
        // not there
      }
      const fits = [acknowledged, ...begun].some((state) => JSON.stringify(state) === JSON.stringify(found));
      assert.ok(fits, `round ${round}, ${id}: ${JSON.stringify(found)}, acknowledged ${JSON.stringify(acknowledged)}`);
      if (JSON.stringify(found) !== JSON.stringify(acknowledged)) unacknowledged += 2 * (found?.length ?? 0);
      expected.set(id, { acknowledged: found, begun: [] });
      if (!found) continue;
      const head = heads.get(registry.resolve(id).headId);
      for (const [c, name] of found.filter((entry) => !MARK.test(entry)).entries()) {
        for (const tower of ['yes', 'no'] as const) {
          const row = head?.[tower].subarray(c * WIDTH, (c + 1) * WIDTH);
          assert.deepEqual(row, madeRow(tower, name), `round ${round}, ${id}, ${tower} ${name}`);
        }
      }
    }
    // features of tenants acknowledged as ready are stored; those of demo are made once
    assert.ok(features.built <= unacknowledged + 20, `round ${round}: ${features.built} rows were lost`);
  } finally {
    await close();
  }
}

async function killAgainAndAgain(t: TestContext, store: string) {
  const dir = await temporaryDirectory(t);
  const expected = new Map<string, Expectation>();
  const random = randoms(7);
  let changes = 0;
  for (let round = 0; round < KILLS; round++) {
    changes += await writeAndKill(dir, store, round, Math.floor(random() * 300), expected);
    await check(dir, store, expected, round);
  }
  assert.ok(changes > 0);
  t.diagnostic(`${KILLS} kills, ${changes} acknowledged changes of ${expected.size} tenants, none lost`);
}

describe('kill -9 at random moments during writes', () => {
  it('after kill -9 every acknowledged tenant is in the directory, and every feature is correct', (t) =>
    killAgainAndAgain(t, 'directory'));

  const skip = withoutPostgres;
  describe(`PostgreSQL${skip ? ` (skipped: ${skip})` : ''}`, { skip }, () => {
    let server: PostgresServer;
    before(async () => {
      server = await PostgresServer.start();
    });
    after(() => server?.stop());
    it('after kill -9 every acknowledged tenant is in PostgreSQL, and every feature is correct', async (t) =>
      killAgainAndAgain(t, await server.database()));
  });
});
