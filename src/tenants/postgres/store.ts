import { nextChange, TOPICS } from '../../storage/postgres/changes.ts';
import type { Database, Query } from '../../storage/postgres/database.ts';
import { isRecord, type StoredTenant, type TenantRecord } from '../record.ts';
import type { OnChange, TenantStore } from '../store.ts';
import { withUnknownFields } from '../stored.ts';

/** Tenants in PostgreSQL, shared by any number of replicas. Writes compare versions, and changes are numbered. */
export class PostgresStore implements TenantStore {
  readonly #database: Database;
  /** The last change that was read; a bigint, which pg returns as text. */
  #seen = '0';

  constructor(database: Database) {
    this.#database = database;
  }

  async list(): Promise<TenantRecord[]> {
    const rows = await this.#database.query<{ stored: StoredTenant; change: string }>(
      'select stored, change from clipn_tenants order by change',
    );
    this.#seen = rows.at(-1)?.change ?? '0';
    return rows.map((row) => row.stored).filter(isRecord);
  }

  async get(id: string): Promise<StoredTenant | undefined> {
    const [row] = await this.#database.query<{ stored: StoredTenant }>(
      'select stored from clipn_tenants where id = $1',
      [id],
    );
    return row?.stored;
  }

  write(next: StoredTenant, replaces: number): Promise<boolean> {
    return this.#database.transaction((query) => write(query, next, replaces));
  }

  seed(record: TenantRecord): Promise<boolean> {
    return this.#database.transaction(async (query) => {
      const first = await query(
        `insert into clipn_once (name) values ('seeded') on conflict do nothing returning name`,
      );
      return first.length > 0 && (await write(query, record, 0));
    });
  }

  subscribe(onChange: OnChange): void {
    this.#database.watch(TOPICS.tenants, async () => {
      const rows = await this.#database.query<{ stored: StoredTenant; change: string }>(
        'select stored, change from clipn_tenants where change > $1 order by change',
        [this.#seen],
      );
      for (const { stored, change } of rows) {
        onChange(stored);
        this.#seen = change;
      }
    });
  }

  /** Does nothing: the opener of the database closes it. */
  async close(): Promise<void> {}
}

async function write(query: Query, next: StoredTenant, replaces: number): Promise<boolean> {
  // the change number is taken first: it serialises writers, so the comparison below sees all earlier writes
  const change = await nextChange(query, TOPICS.tenants);
  const [old] = await query<{ stored: StoredTenant }>('select stored from clipn_tenants where id = $1', [next.id]);
  const values = [next.id, next.version, change, JSON.stringify(withUnknownFields(next, old?.stored))];
  const rows =
    replaces === 0
      ? await query(
          `insert into clipn_tenants (id, version, change, stored) values ($1, $2, $3, $4)
           on conflict do nothing returning id`,
          values,
        )
      : await query(
          `update clipn_tenants set version = $2, change = $3, stored = $4 where id = $1 and version = $5 returning id`,
          [...values, replaces],
        );
  return rows.length > 0;
}
