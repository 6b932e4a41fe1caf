import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it, type TestContext } from 'node:test';
import { Database } from '../../src/storage/postgres/database.ts';
import { FileRecords } from '../../src/storage/records/file-records.ts';
import { PostgresRecords, RECORD_MIGRATIONS } from '../../src/storage/records/postgres-records.ts';
import type { RecordStore } from '../../src/storage/records/record-store.ts';
import { TENANT_MIGRATIONS } from '../../src/tenants/postgres/migrations.ts';
import { ROOT, temporaryDirectory } from '../helpers/paths.ts';
import { PostgresServer, withoutPostgres } from '../helpers/postgres.ts';
import { testProgram } from '../helpers/programs.ts';

interface Note {
  key: string;
  text: string;
}
const note = (key: string, text = key): Note => ({ key, text });
const texts = async (store: RecordStore<Note>, tenant = 'zoo') =>
  [...(await store.all(tenant)).values()].map(({ key, text }) => `${key}=${text}`);

/** The contract of both stores. */
function contract(open: (t: TestContext) => Promise<RecordStore<Note>>) {
  it('gives back what was put, in the order of the keys, the newest record of each', async (t) => {
    const store = await open(t);
    await store.put('zoo', [note('b'), note('a')]);
    await store.put('zoo', [note('b', 'new'), note('c')]);
    await store.put('other', [note('a', 'of another tenant')]);
    assert.deepEqual(await texts(store), ['b=new', 'a=a', 'c=c']);
    assert.deepEqual(await store.get('zoo', 'b'), note('b', 'new'));
    assert.equal(await store.get('zoo', 'unknown'), undefined);
    assert.equal(await store.count('zoo'), 3);
    assert.deepEqual((await store.tenants()).sort(), ['other', 'zoo']);
  });

  it('removes single records and all of a tenant, and nothing of another', async (t) => {
    const store = await open(t);
    await store.put('zoo', [note('a'), note('b')]);
    await store.put('other', [note('a')]);
    await store.remove('zoo', ['a', 'unknown']);
    assert.deepEqual(await texts(store), ['b=b']);
    await store.removeAll('zoo');
    await store.removeAll('unknown');
    assert.deepEqual(await texts(store), []);
    assert.deepEqual(await texts(store, 'other'), ['a=a']);
  });

  it('a put with the same key twice keeps the later record', async (t) => {
    const store = await open(t);
    await store.put('zoo', [note('a', 'first'), note('a', 'second')]);
    assert.deepEqual(await texts(store), ['a=second']);
  });
}

describe('records in files', () => {
  const open = (dir: string) => FileRecords.open<Note>(dir, 'notes');
  contract(async (t) => open(await temporaryDirectory(t)));

  it('a partial line at the end is ignored, and what is put after it is read', async (t) => {
    const dir = await temporaryDirectory(t);
    await (await open(dir)).put('zoo', [note('a')]);
    appendFileSync(join(dir, 'notes', 'zoo.ndjson'), '{"put":{"key":"b","te');
    const again = await open(dir);
    assert.deepEqual(await texts(again), ['a=a']);
    await again.put('zoo', [note('c')]);
    assert.deepEqual(await texts(await open(dir)), ['a=a', 'c=c']);
  });

  it('a full disk refuses the change and leaves the records as they were', async (t) => {
    const dir = await temporaryDirectory(t);
    mkdirSync(join(dir, 'notes'));
    const store = await open(dir);
    assert.equal(await store.count('zoo'), 0);
    symlinkSync('/dev/full', join(dir, 'notes', 'zoo.ndjson'));
    await assert.rejects(store.put('zoo', [note('a')]), { code: 'ENOSPC' });
    assert.deepEqual(await texts(store), []);
  });

  it('a file that is mostly outdated lines is rewritten with the same records', async (t) => {
    const dir = await temporaryDirectory(t);
    const file = join(dir, 'notes', 'zoo.ndjson');
    mkdirSync(join(dir, 'notes'));
    const old = `${JSON.stringify({ put: note('a', 'old') })}\n`;
    writeFileSync(file, old.repeat(2000));
    const store = await open(dir);
    await store.put('zoo', [note('a', 'new'), note('b')]);
    assert.equal(readFileSync(file, 'utf8').trim().split('\n').length, 2);
    assert.deepEqual(await texts(await open(dir)), ['a=new', 'b=b']);
  });

  it('loses nothing that was acknowledged when the process is killed', async (t) => {
    const dir = await temporaryDirectory(t);
    const acknowledged = new Set<string>();
    for (let round = 0; round < 3; round++) {
      const child = spawn(process.execPath, [...testProgram('storage/record-writer'), dir, String(round)], {
        cwd: ROOT,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const exited = new Promise((resolve) => child.on('exit', (_code, signal) => resolve(signal)));
      const lines = createInterface({ input: child.stdout });
      const read = new Promise((resolve) => lines.on('close', resolve));
      lines.on('line', (key) => {
        acknowledged.add(key);
        if (acknowledged.size % 40 === 39) child.kill('SIGKILL');
      });
      assert.equal(await exited, 'SIGKILL');
      await read;
      const there = await (await open(dir)).all('zoo');
      assert.deepEqual(
        [...acknowledged].filter((key) => !there.has(key)),
        [],
      );
    }
    assert.ok(acknowledged.size > 100);
  });
});

describe('records in PostgreSQL', { skip: withoutPostgres }, () => {
  let server: PostgresServer;
  before(async () => {
    server = await PostgresServer.start();
  });
  after(() => server.stop());

  contract(async (t) => {
    const migrations = [...TENANT_MIGRATIONS, ...RECORD_MIGRATIONS];
    const database = await Database.open(await server.database(), { migrations });
    t.after(() => database.close());
    return new PostgresRecords<Note>(database, 'notes');
  });
});
