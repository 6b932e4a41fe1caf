import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { ACCESS_MIGRATIONS, Keyring, PostgresAuditLog, PostgresKeyStore } from '../../src/access/index.ts';
import { Database } from '../../src/storage/postgres/database.ts';
import { TENANT_MIGRATIONS } from '../../src/tenants/postgres/migrations.ts';
import { auditContract, keyStoreContract } from '../helpers/access-contract.ts';
import { PostgresServer, withoutPostgres } from '../helpers/postgres.ts';
import { until } from '../helpers/service.ts';

const skip = withoutPostgres;
const because = skip ? ` (skipped: ${skip})` : '';

describe(`keys and audit log in PostgreSQL${because}`, { skip }, () => {
  let server: PostgresServer;
  before(async () => {
    server = await PostgresServer.start();
  });
  after(() => server?.stop());

  /** Opens one database for every process. */
  const place = async (t: TestContext) => {
    const url = await server.database();
    return async () => {
      const database = await Database.open(url, {
        migrations: [...TENANT_MIGRATIONS, ...ACCESS_MIGRATIONS],
        pollMs: 200,
      });
      t.after(() => database.close());
      return database;
    };
  };

  keyStoreContract('PostgreSQL', async (t) => {
    const open = await place(t);
    return async () => new PostgresKeyStore(await open());
  });
  auditContract('PostgreSQL', async (t) => {
    const open = await place(t);
    return async () => new PostgresAuditLog(await open());
  });

  it('keys stay valid while PostgreSQL is down, and changes are learned afterwards', async (t) => {
    const open = await place(t);
    const log = () => {};
    const [a, b] = [
      new Keyring({ store: new PostgresKeyStore(await open()), mode: 'keys', log, noteEveryMs: 50 }),
      new Keyring({ store: new PostgresKeyStore(await open()), mode: 'keys', log, noteEveryMs: 50 }),
    ];
    const wish = { name: 'x', scopes: ['admin'], expiresAt: null, limits: {} };
    const { key, record } = await a.create(wish, 'test');
    await a.start();
    await b.start();
    t.after(() => Promise.all([a.stop(), b.stop()]));
    assert.equal(b.authenticate(key).id, record.id);
    await server.halt();
    assert.equal(b.authenticate(key).id, record.id);
    await assert.rejects(b.create(wish, 'test'), { code: 'store_unavailable' });
    await assert.rejects(b.revoke(record.id), { code: 'store_unavailable' });
    assert.equal(b.authenticate(key).id, record.id, 'not revoked: nothing was acknowledged');
    await server.resume();
    await a.revoke(record.id);
    assert.throws(() => a.authenticate(key), { code: 'unauthenticated' });
    await until('the other replica learns of it', 10_000, () => {
      try {
        b.authenticate(key);
        return false;
      } catch {
        return true;
      }
    });
  });
});
