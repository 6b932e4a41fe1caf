import { nextChange, TOPICS } from '../storage/postgres/changes.ts';
import type { Database } from '../storage/postgres/database.ts';
import type { KeyRecord } from './key-record.ts';
import type { KeyStore, Revocation, StoredKeys } from './key-store.ts';

/** Keys in PostgreSQL, shared by any number of replicas and by the command line. */
export class PostgresKeyStore implements KeyStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Never reports damaged keys, because a row is written in one transaction. */
  async list(): Promise<StoredKeys> {
    const rows = await this.#database.query<{ stored: KeyRecord }>('select stored from clipn_keys');
    return { keys: rows.map((row) => row.stored), damaged: [] };
  }

  async add(record: KeyRecord): Promise<void> {
    await this.#database.transaction(async (query) => {
      await query('insert into clipn_keys (id, stored) values ($1, $2)', [record.id, JSON.stringify(record)]);
      await nextChange(query, TOPICS.keys);
    });
  }

  revoke(id: string, at: string): Promise<Revocation | undefined> {
    return this.#database.transaction(async (query) => {
      const [row] = await query<{ stored: KeyRecord }>('select stored from clipn_keys where id = $1 for update', [id]);
      if (!row) return undefined;
      if (row.stored.revoked_at !== null) return { record: row.stored, changed: false };
      const record = { ...row.stored, revoked_at: at };
      await query('update clipn_keys set stored = $2 where id = $1', [id, JSON.stringify(record)]);
      await nextChange(query, TOPICS.keys);
      return { record, changed: true };
    });
  }

  async lastUsed(): Promise<Map<string, string>> {
    const rows = await this.#database.query<{ id: string; last_used: Date }>(
      'select id, last_used from clipn_keys where last_used is not null',
    );
    return new Map(rows.map((row) => [row.id, row.last_used.toISOString()]));
  }

  /** Updates in order of id, so that replicas that write at the same time cannot deadlock. */
  async noteUsed(times: ReadonlyMap<string, string>): Promise<void> {
    const ids = [...times.keys()].sort();
    await this.#database.query(
      `update clipn_keys as k set last_used = greatest(k.last_used, u.at)
       from (select k2.id, n.at from unnest($1::text[], $2::timestamptz[]) as n (id, at)
             join clipn_keys as k2 on k2.id = n.id order by k2.id for update of k2) as u
       where k.id = u.id`,
      [ids, ids.map((id) => times.get(id))],
    );
  }

  watch(onChange: () => Promise<void>): void {
    let seen: string | undefined;
    this.#database.watch(TOPICS.keys, async () => {
      const [row] = await this.#database.query<{ value: string }>('select value from clipn_changes where topic = $1', [
        TOPICS.keys,
      ]);
      const now = row?.value ?? '0';
      if (now === seen) return;
      await onChange();
      seen = now;
    });
  }

  /** Does nothing: the opener of the database closes it. */
  async close(): Promise<void> {}
}
