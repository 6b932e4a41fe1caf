import type { Database } from '../postgres/database.ts';
import type { Migration } from '../postgres/migrate.ts';
import type { Keyed, RecordStore } from './record-store.ts';

/** The table of records in PostgreSQL. Steps are only ever appended. */
export const RECORD_MIGRATIONS: readonly Migration[] = [
  {
    name: '0020-records',
    version: 1,
    sql: `
      -- records of captured images, labels and counts of verdicts; place keeps the order in which keys were first stored
      create table clipn_records (
        kind text not null,
        tenant text not null,
        key text not null,
        place bigserial,
        record json not null,
        primary key (kind, tenant, key)
      );
    `,
  },
];

/** Records of one kind in PostgreSQL, shared by all replicas. */
export class PostgresRecords<T extends Keyed> implements RecordStore<T> {
  readonly #database: Database;
  readonly #kind: string;

  constructor(database: Database, kind: string) {
    this.#database = database;
    this.#kind = kind;
  }

  async all(tenant: string): Promise<ReadonlyMap<string, T>> {
    const rows = await this.#database.query<{ record: T }>(
      'select record from clipn_records where kind = $1 and tenant = $2 order by place',
      [this.#kind, tenant],
    );
    return new Map(rows.map(({ record }) => [record.key, record]));
  }

  async get(tenant: string, key: string): Promise<T | undefined> {
    const [row] = await this.#database.query<{ record: T }>(
      'select record from clipn_records where kind = $1 and tenant = $2 and key = $3',
      [this.#kind, tenant, key],
    );
    return row?.record;
  }

  async count(tenant: string): Promise<number> {
    const [row] = await this.#database.query<{ count: string }>(
      'select count(*) from clipn_records where kind = $1 and tenant = $2',
      [this.#kind, tenant],
    );
    return Number(row?.count ?? 0);
  }

  async put(tenant: string, records: readonly T[]): Promise<void> {
    if (records.length === 0) return;
    // one row for each key: a statement must not change a row twice
    const rows = [...new Map(records.map((record) => [record.key, record])).values()];
    await this.#database.query(
      `insert into clipn_records (kind, tenant, key, record)
       select $1, $2, key, record from unnest($3::text[], $4::json[]) with ordinality as r (key, record, i) order by i
       on conflict (kind, tenant, key) do update set record = excluded.record`,
      [this.#kind, tenant, rows.map(({ key }) => key), rows.map((row) => JSON.stringify(row))],
    );
  }

  async remove(tenant: string, keys: readonly string[]): Promise<void> {
    await this.#database.query('delete from clipn_records where kind = $1 and tenant = $2 and key = any($3)', [
      this.#kind,
      tenant,
      keys,
    ]);
  }

  async removeAll(tenant: string): Promise<void> {
    await this.#database.query('delete from clipn_records where kind = $1 and tenant = $2', [this.#kind, tenant]);
  }

  async tenants(): Promise<string[]> {
    const rows = await this.#database.query<{ tenant: string }>(
      'select distinct tenant from clipn_records where kind = $1',
      [this.#kind],
    );
    return rows.map(({ tenant }) => tenant);
  }
}
