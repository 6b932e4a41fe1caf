import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, it, type TestContext } from 'node:test';
import { ACCESS_MIGRATIONS } from '../../src/access/index.ts';
import { DRIFT_MIGRATIONS } from '../../src/drift/index.ts';
import { Database } from '../../src/storage/postgres/database.ts';
import type { Migration } from '../../src/storage/postgres/migrate.ts';
import { TENANT_MIGRATIONS } from '../../src/tenants/postgres/migrations.ts';
import { PostgresStore } from '../../src/tenants/postgres/store.ts';
import { waves } from '../helpers/images.ts';
import { COMMAND, ROOT, temporaryDirectory } from '../helpers/paths.ts';
import { PostgresServer, withoutPostgres } from '../helpers/postgres.ts';
import { environment, putTenant, sendImage, startService } from '../helpers/service.ts';
import { record } from '../helpers/store-contract.ts';

const skip = withoutPostgres;
const ALL = [...TENANT_MIGRATIONS, ...DRIFT_MIGRATIONS, ...ACCESS_MIGRATIONS];
const NOW = Math.max(...ALL.map((m) => m.version));

/** Steps that the next versions of the program might have. */
const NEXT: Migration = {
  name: '9001-next',
  version: NOW + 1,
  sql: `create table clipn_labels (tenant text primary key, labels json not null);
        alter table clipn_tenants add column note text, add column weight integer not null default 1;
        create index clipn_tenants_weight on clipn_tenants (weight)`,
};
const AFTER_NEXT: Migration = { name: '9002-after-next', version: NOW + 2, sql: 'create table clipn_more (id int)' };

/** The build of the version before, to be tried with this one's schema: its dist/cli/main.js. */
const PREVIOUS = process.env['CLIPN_TEST_PREVIOUS'];

/** Statements that would break programs of the previous version. */
const NARROWS = /\b(drop|rename|truncate|delete|set not null|set data type|type \w+ using)\b/i;
const withoutComments = (sql: string) => sql.replace(/--.*$/gm, '');

it('migrations of the schema only add to it', () => {
  for (const { name, sql } of ALL) assert.doesNotMatch(withoutComments(sql), NARROWS, name);
  for (const sql of ['drop table a', 'alter table a rename b to c', 'alter table a alter b set not null'])
    assert.match(sql, NARROWS);
});

describe(`versions of the schema in PostgreSQL${skip ? ` (skipped: ${skip})` : ''}`, { skip }, () => {
  let server: PostgresServer;
  before(async () => {
    server = await PostgresServer.start();
  });
  after(() => server?.stop());

  async function opened(t: Pick<TestContext, 'after'>, url: string, migrations: readonly Migration[]) {
    const database = await Database.open(url, { migrations, pollMs: 200 });
    t.after(() => database.close());
    return database;
  }

  it('a database without recorded versions is migrated with its content', async (t) => {
    const url = await server.database();
    const name = url.split('/').at(-1) as string;
    await server.query(
      'create table clipn_migrations (name text primary key, applied_at timestamptz not null default now())',
      name,
    );
    for (const step of TENANT_MIGRATIONS.slice(0, 2)) {
      await server.query(step.sql, name);
      await server.query(`insert into clipn_migrations (name) values ('${step.name}')`, name);
    }
    await server.query(
      `insert into clipn_tenants (id, version, change, stored) values ('zoo', 1, 1, '${JSON.stringify(record('zoo'))}')`,
      name,
    );
    const database = await opened(t, url, ALL);
    assert.deepEqual(
      await database.query('select name, version from clipn_migrations order by name'),
      ALL.map(({ name, version }) => ({ name, version })).sort((a, b) => (a.name < b.name ? -1 : 1)),
    );
    assert.deepEqual(
      (await new PostgresStore(database).list()).map((r) => r.id),
      ['zoo'],
    );
  });

  it('this program works on the schema of the next version, together with the next program', async (t) => {
    const url = await server.database();
    const next = new PostgresStore(await opened(t, url, [...ALL, NEXT]));
    const own = new PostgresStore(await opened(t, url, ALL));
    await own.write(record('zoo'), 0);
    await next.write(record('zoo', 2), 1);
    await own.write(record('zoo', 3), 2);
    assert.equal((await next.get('zoo'))?.version, 3);
    await own.write(record('shop'), 0);
    assert.deepEqual((await next.list()).map((r) => r.id).sort(), ['shop', 'zoo']);
  });

  it('on a schema two versions newer this program refuses to start, gives the reason, and changes nothing', async (t) => {
    const url = await server.database();
    await opened(t, url, [...ALL, NEXT, AFTER_NEXT]);
    const before = await server.query('select * from clipn_migrations order by name', url.split('/').at(-1));
    await assert.rejects(Database.open(url, { migrations: ALL }), {
      code: 'schema_too_new',
      message: new RegExp(`has version ${NOW + 2} of the schema.*supports versions up to ${NOW + 1}`),
    });
    assert.deepEqual(await server.query('select * from clipn_migrations order by name', url.split('/').at(-1)), before);
    // at once, not after the patience that a database that is away gets
    const began = performance.now();
    const { status, stderr } = spawnSync(process.execPath, [COMMAND, 'serve'], {
      cwd: ROOT,
      env: environment({ CLIPN_STORE: url, CLIPN_DATA_DIR: await temporaryDirectory(t), CLIPN_PORT: '0' }),
      encoding: 'utf8',
    });
    assert.equal(status, 1);
    assert.match(stderr, /^clipn-gate: The database has version \d+ of the schema/);
    assert.ok(performance.now() - began < 20_000);
  });

  const why = PREVIOUS ? '' : ' (skipped: needs CLIPN_TEST_PREVIOUS, dist/cli/main.js of the version before)';
  it(`the previous version continues to work with the data of this version${why}`, { skip: !PREVIOUS }, async (t) => {
    const url = await server.database();
    const env = { CLIPN_STORE: url };
    const now = await startService(t, await temporaryDirectory(t), env);
    assert.equal((await putTenant(now.url, 'zoo', { classes: ['cat', 'dog'] })).status, 201);
    const before = await startService(t, await temporaryDirectory(t), env, ['serve'], PREVIOUS);
    assert.equal((await sendImage(before.url, await waves(64, 64, 1).png().toBuffer(), '?tenant=zoo')).status, 200);
    assert.equal((await putTenant(before.url, 'shop', { classes: ['shoe', 'hat'] })).status, 201);
  });
});
