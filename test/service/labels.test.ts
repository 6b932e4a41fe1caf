import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { temporaryDirectory } from '../helpers/paths.ts';
import { PostgresServer, withoutPostgres } from '../helpers/postgres.ts';
import { putTenant, startService, until } from '../helpers/service.ts';

const shaOf = (i: number) => createHash('sha256').update(String(i)).digest('hex');

const give = (url: string, i: number, label: string) =>
  fetch(`${url}/v1/labels`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ tenant: 'zoo', sha256: shaOf(i), label }),
  });

async function stored(url: string): Promise<Map<string, string>> {
  const text = await (await fetch(`${url}/v1/tenants/zoo/labels?format=jsonl`)).text();
  const lines = text
    .trim()
    .split('\n')
    .filter((line) => line !== '');
  return new Map(lines.map((line) => JSON.parse(line)).map(({ sha256, label }) => [sha256, label]));
}

/** Labels as fast as the service answers, kills it in the middle, and starts it again, twice. */
async function labelAndKill(t: TestContext, dir: string, env: Record<string, string>): Promise<void> {
  const acknowledged = new Map<string, string>();
  for (let round = 0; round < 2; round++) {
    const service = await startService(t, dir, env);
    assert.ok((await putTenant(service.url, 'zoo', { classes: ['dog', 'cat'] })).ok);
    let given = 0;
    const workers = [0, 1, 2, 3].map(async (worker) => {
      for (let i = worker; ; i += 4) {
        const label = ['dog', 'cat', 'none', 'unsure'][(i + round) % 4] as string;
        // each worker has images of its own, so the last acknowledged label is the right one, or the one that was cut
        const answer = await give(service.url, i, label).catch(() => undefined);
        if (answer?.status !== 200) return i;
        acknowledged.set(shaOf(i), label);
        given++;
      }
    });
    await until('some labels are acknowledged', 60_000, () => given >= 60);
    service.child.kill('SIGKILL');
    await service.exited;
    const cut = new Set((await Promise.all(workers)).map(shaOf));
    const again = await startService(t, dir, env);
    const there = await stored(again.url);
    const lost = [...acknowledged].filter(([sha, label]) => there.get(sha) !== label && !cut.has(sha));
    assert.deepEqual(lost, []);
    for (const [sha, label] of there) acknowledged.set(sha, label);
    again.child.kill('SIGKILL');
    await again.exited;
  }
}

describe('labels in a running service', () => {
  it('kill -9 while labels are given loses none that was acknowledged, in files', async (t) => {
    await labelAndKill(t, await temporaryDirectory(t), {});
  });

  it('kill -9 while labels are given loses none that was acknowledged, in PostgreSQL', {
    skip: withoutPostgres,
  }, async (t) => {
    const server = await PostgresServer.start();
    t.after(() => server.stop());
    await labelAndKill(t, await temporaryDirectory(t), { CLIPN_STORE: await server.database() });
  });

  it('a full disk refuses a label with 503 and a reason, and verdicts go on', async (t) => {
    const dir = await temporaryDirectory(t);
    const { url } = await startService(t, dir);
    assert.ok((await putTenant(url, 'zoo', { classes: ['dog', 'cat'] })).ok);
    // loads the records, because /dev/full is read as endless zeros
    assert.equal((await stored(url)).size, 0);
    mkdirSync(join(dir, 'labels'), { recursive: true });
    symlinkSync('/dev/full', join(dir, 'labels', 'zoo.ndjson'));
    const refused = await give(url, 1, 'dog');
    const problem = (await refused.json()) as { code: string; detail: string };
    assert.deepEqual([refused.status, problem.code], [503, 'store_unavailable']);
    assert.match(problem.detail, /Labels cannot be stored now/);
    assert.equal((await stored(url)).size, 0);
    assert.equal((await fetch(`${url}/readyz`)).status, 200);
  });
});
