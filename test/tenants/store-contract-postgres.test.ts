import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { Database } from '../../src/storage/postgres/database.ts';
import { TENANT_MIGRATIONS } from '../../src/tenants/postgres/migrations.ts';
import { PostgresStore } from '../../src/tenants/postgres/store.ts';
import type { StoredTenant } from '../../src/tenants/record.ts';
import { PostgresServer, withoutPostgres } from '../helpers/postgres.ts';
import { until } from '../helpers/service.ts';
import { record, storeContract } from '../helpers/store-contract.ts';

const skip = withoutPostgres;
const title = `tenants in PostgreSQL: what every store must do${skip ? ` (skipped: ${skip})` : ''}`;

describe(title, { skip }, () => {
  let server: PostgresServer;
  before(async () => {
    server = await PostgresServer.start();
  });
  after(() => server?.stop());

  const connect = async (t: Pick<TestContext, 'after'>, url: string, options = {}) => {
    const database = await Database.open(url, { migrations: TENANT_MIGRATIONS, ...options });
    t.after(() => database.close());
    return database;
  };

  storeContract({
    shared: true,
    place: async (t) => {
      const url = await server.database();
      return { open: async () => new PostgresStore(await connect(t, url)) };
    },
  });

  it('replicas that start together create one schema', async (t) => {
    const url = await server.database();
    const databases = await Promise.all(Array.from({ length: 8 }, () => connect(t, url)));
    const rows = await databases[0]?.query('select name from clipn_migrations order by name');
    assert.deepEqual(
      rows,
      TENANT_MIGRATIONS.map(({ name }) => ({ name })),
    );
  });

  it('a failed migration changes nothing and is run again', async (t) => {
    const url = await server.database();
    const bad = [{ name: 'x', version: 1, sql: 'create table half (id int); select 1/0' }];
    await assert.rejects(Database.open(url, { migrations: bad }), /division by zero/);
    const good = [{ name: 'x', version: 1, sql: 'create table half (id int)' }];
    const database = await Database.open(url, { migrations: good });
    t.after(() => database.close());
    assert.deepEqual(await database.query('select * from half'), []);
  });

  it('changes during a lost connection are found afterwards without any notification', async (t) => {
    const url = await server.database();
    const [writer, listening] = [await connect(t, url), await connect(t, url, { pollMs: 600_000 })];
    const [store, reader] = [new PostgresStore(writer), new PostgresStore(listening)];
    const heard: StoredTenant[] = [];
    await reader.list();
    reader.subscribe((stored) => heard.push(stored));
    await store.write(record('one'), 0);
    await until('the first change', 5000, () => heard.length === 1);
    await server.cutConnections();
    // at once: the listener has not reconnected yet, so no notification arrives
    await until('writing continues', 5000, () => store.write(record('two'), 0).catch(() => false));
    await until('the second change', 5000, () => heard.some((stored) => stored.id === 'two'));
  });

  it('while the server is down every operation fails with its code, and works again afterwards', async (t) => {
    const url = await server.database();
    const told: boolean[] = [];
    const store = new PostgresStore(
      await connect(t, url, { pollMs: 50, onReachable: (reachable: boolean) => told.push(reachable) }),
    );
    const heard: StoredTenant[] = [];
    store.subscribe((stored) => heard.push(stored));
    await store.write(record('zoo'), 0);
    await server.halt();
    const code = { code: 'store_unavailable' };
    await assert.rejects(store.write(record('zoo', 2), 1), code);
    await assert.rejects(store.get('zoo'), code);
    await assert.rejects(store.list(), code);
    await assert.rejects(Database.open(url, { migrations: TENANT_MIGRATIONS }), code);
    await until('the loss is reported', 10_000, () => told.length === 1);
    await server.resume();
    await until('the store works again', 10_000, () => store.write(record('zoo', 2), 1).catch(() => false));
    await until('its change is heard of', 10_000, () => heard.at(-1)?.version === 2);
    assert.deepEqual(told, [false, true], 'each change is reported once');
  });
});
