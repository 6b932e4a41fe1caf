import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { Database, unreachable } from '../../src/storage/postgres/database.ts';
import { PostgresFeatures } from '../../src/tenants/postgres/features.ts';
import { PostgresLeases } from '../../src/tenants/postgres/leases.ts';
import { TENANT_MIGRATIONS } from '../../src/tenants/postgres/migrations.ts';
import { PostgresStore } from '../../src/tenants/postgres/store.ts';
import { PostgresServer, withoutPostgres } from '../helpers/postgres.ts';
import { until } from '../helpers/service.ts';
import { FakeBuilder, fakeRegistry, MemoryCache } from '../helpers/tenants.ts';

const skip = withoutPostgres;
const because = skip ? ` (skipped: ${skip})` : '';
const key = { tower: 'yes' as const, templates: ['a {}'] };
const many = (n: number) => Array.from({ length: n }, (_, i) => `class ${i}`);

it('a database that is out of space, or ends the session, is unavailable; a wrong statement is not', () => {
  const states = { '53100': true, '58030': true, '57P03': true, '08006': true, '42601': false, '23505': false };
  for (const [code, is] of Object.entries(states)) assert.equal(unreachable({ code, severity: 'ERROR' }), is, code);
  // as PostgreSQL 15 says at the start of a session that it can write no file
  assert.equal(unreachable({ code: 'XX000', severity: 'FATAL', message: 'could not write init file' }), true);
  assert.equal(unreachable({ code: 'XX000', severity: 'ERROR', message: 'cache lookup failed' }), false);
});

describe(`features and builds in PostgreSQL${because}`, { skip }, () => {
  let server: PostgresServer;
  before(async () => {
    server = await PostgresServer.start();
  });
  after(() => server?.stop());

  /** One replica: its own connections, its own local cache. */
  async function replica(t: Pick<TestContext, 'after'>, url: string, leaseMs = 1000) {
    const database = await Database.open(url, { migrations: TENANT_MIGRATIONS, pollMs: 200 });
    t.after(() => database.close());
    const local = new MemoryCache(2);
    const cache = new PostgresFeatures(database, { bundleId: 'm@1', width: 2, local, maxBytes: 2 ** 30 });
    const leases = new PostgresLeases(database, { leaseMs });
    const builder = new FakeBuilder();
    const { registry } = fakeRegistry({ store: new PostgresStore(database), cache, leases, features: builder });
    await registry.load();
    t.after(() => registry.stop());
    return { database, local, cache, leases, builder, registry };
  }

  it('features that one replica has computed are read and kept by another one', async (t) => {
    const url = await server.database();
    const [a, b] = [await replica(t, url), await replica(t, url)];
    const rows = Float32Array.of(1, 2, 3, 4);
    await a.cache.put(key, ['dog', '犬'], rows);
    assert.deepEqual(await b.cache.missing(key, ['dog', 'cat', '犬']), ['cat']);
    assert.deepEqual(await b.cache.get(key, ['cat', '犬', 'dog']), [undefined, rows.slice(2), rows.slice(0, 2)]);
    assert.deepEqual(await b.local.missing(key, ['dog', '犬']), [], 'kept on this machine');
    await server.query('drop table clipn_features', url.split('/').at(-1));
    assert.deepEqual(await b.cache.get(key, ['dog']), [rows.slice(0, 2)]);
  });

  it('a replica whose disk is full writes features to the database and reads them from there', async (t) => {
    const url = await server.database();
    const [a, b] = [await replica(t, url), await replica(t, url)];
    const faults: unknown[] = [];
    const local = new MemoryCache(2);
    t.mock.method(local, 'put', () => Promise.reject(new Error('ENOSPC: no space left on device')));
    const onLocalFault = (error: unknown) => void faults.push(error);
    const full = new PostgresFeatures(a.database, {
      bundleId: 'm@1',
      width: 2,
      local,
      maxBytes: 2 ** 30,
      onLocalFault,
    });
    await full.put(key, ['dog'], Float32Array.of(1, 2));
    assert.deepEqual(await full.missing(key, ['dog', 'cat']), ['cat']);
    assert.deepEqual(await full.get(key, ['dog']), [Float32Array.of(1, 2)]);
    assert.deepEqual(await b.cache.get(key, ['dog']), [Float32Array.of(1, 2)]);
    assert.ok(faults.length > 0);
  });

  it('a damaged row is computed again, never served', async (t) => {
    const url = await server.database();
    const [a, b] = [await replica(t, url), await replica(t, url)];
    await a.cache.put(key, ['dog'], Float32Array.of(1, 2));
    await a.database.query('update clipn_features set row = set_byte(row, 5, get_byte(row, 5) # 1)');
    assert.deepEqual(await b.cache.get(key, ['dog']), [undefined]);
    await b.cache.put(key, ['dog'], Float32Array.of(1, 2));
    assert.deepEqual(await (await replica(t, url)).cache.get(key, ['dog']), [Float32Array.of(1, 2)]);
  });

  it('the feature table is pruned to its limit, least recently used rows first', async (t) => {
    const { database } = await replica(t, await server.database());
    const cache = new PostgresFeatures(database, { bundleId: 'm', width: 2, local: new MemoryCache(2), maxBytes: 36 });
    await cache.put(key, ['a', 'b', 'c', 'd', 'e'], new Float32Array(10).fill(1));
    await database.query(`update clipn_features set used = current_date - 9`);
    const elsewhere = new PostgresFeatures(database, {
      bundleId: 'm',
      width: 2,
      local: new MemoryCache(2),
      maxBytes: 36,
    });
    await elsewhere.missing(key, ['b', 'd', 'e']);
    await cache.prune();
    assert.deepEqual(await elsewhere.missing(key, ['a', 'b', 'c', 'd', 'e']), ['a', 'c']);
  });

  it('a build has one lease; after release, loss or expiry another process gets it', async (t) => {
    const url = await server.database();
    const [a, b] = [await replica(t, url), await replica(t, url)];
    const claims = await Promise.all([a, b, a, b].map(({ leases }) => leases.claim('x')));
    const [lease] = claims.filter((claim) => claim !== undefined);
    assert.equal(claims.filter((claim) => claim !== undefined).length, 1);
    const ends = async () => {
      const [row] = await a.database.query<{ at: string }>('select extract(epoch from until) as at from clipn_builds');
      return Number(row?.at);
    };
    const first = await ends();
    await until('its first term is over', 10_000, async () => (await ends()) > first + 1);
    assert.equal(await b.leases.claim('x'), undefined, 'it is kept alive while it is held');
    const heard: number[] = [];
    lease?.report(3, 12);
    const waiting = b.leases.wait('x', 60_000, new AbortController().signal, ({ done }) => heard.push(done));
    await until('progress is heard of', 5000, () => heard.includes(3));
    await lease?.release();
    await waiting;
    const next = await b.leases.claim('x');
    assert.ok(next);
    // as if b had been frozen for long, and its lease had gone to another
    await a.database.query(`update clipn_builds set owner = 'somebody else'`);
    await until('the loss is noticed', 5000, () => next.signal.aborted);
    assert.equal(await a.leases.claim('x'), undefined);
    await until('a dead holder’s lease runs out', 5000, async () => {
      const last = await a.leases.claim('x');
      await last?.release();
      return last !== undefined;
    });
  });

  it('a build is computed once for all replicas, and all of them serve it', async (t) => {
    const url = await server.database();
    const replicas = await Promise.all([1, 2, 3].map(() => replica(t, url)));
    for (const { builder } of replicas) builder.delayMs = 5;
    const [a] = replicas as [(typeof replicas)[0]];
    const put = await a.registry.put('zoo', { classes: many(100) }, { waitMs: 60_000 });
    assert.equal(put.view.state, 'ready');
    for (const { registry } of replicas) {
      await until('all serve it', 1000, () => registry.counts().ready === 2 || registry.get('zoo').state === 'ready');
    }
    const built = replicas.flatMap(({ builder }) => builder.built).filter((text) => text.includes('class '));
    assert.equal(built.length, 200, 'each text once, by whomever');
    assert.equal(new Set(built).size, 200);
  });

  it('a build in progress is taken over when its replica ends, and continues where it was', async (t) => {
    const url = await server.database();
    const [a, b] = [await replica(t, url), await replica(t, url)];
    a.builder.delayMs = 5;
    await a.registry.put('zoo', { classes: many(600) }, { waitMs: 0 });
    await until('the first rows are kept', 10_000, async () => {
      const rows = await b.database.query('select 1 from clipn_features limit 1');
      return rows.length > 0;
    });
    // as kill -9 does: it sends no message, and its lease stays
    await a.database.close();
    await until('the other one has it', 15_000, () => {
      try {
        return b.registry.resolve('zoo').version === 1;
      } catch {
        return false;
      }
    });
    const built = b.builder.built.filter((text) => text.includes('class '));
    assert.ok(built.length > 0 && built.length < 1200, `${built.length} of 1200, the rest was kept`);
  });

  it('while the server is down local rows are used, all others count as missing, and writes report the outage', async (t) => {
    const url = await server.database();
    const [a, b] = [await replica(t, url), await replica(t, url)];
    await a.registry.put('zoo', { classes: ['dog'] }, { waitMs: 60_000 });
    await until('both serve it', 5000, () => b.registry.counts().ready >= 1 && b.registry.get('zoo').state === 'ready');
    await server.halt();
    for (const { registry } of [a, b]) {
      assert.equal(registry.resolve('zoo').version, 1);
      assert.ok(await registry.loadHead(registry.resolve('zoo').headId), 'an engine that starts again gets its head');
      await assert.rejects(registry.put('zoo', { classes: ['cat'] }, { waitMs: 0 }), { code: 'store_unavailable' });
    }
    await server.resume();
    await until('writes work', 10_000, () =>
      a.registry.put('zoo', { classes: ['cat'] }, { waitMs: 60_000 }).then(
        () => true,
        () => false,
      ),
    );
    await until('the other one has caught up', 10_000, () => b.registry.resolve('zoo').version === 2);
  });
});
