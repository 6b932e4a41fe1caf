import pg from 'pg';

/** One step of the schema. Steps run once, in order, each in a transaction of its own; one that has been released never changes. */
export interface Migration {
  name: string;
  sql: string;
}

/** Any number that no other program is likely to lock: "clipn" in ASCII. */
const LOCK = 0x63_6c_69_70_6e;

/** Applies what is missing. Of many processes that start together one works and the others wait for it. */
export async function migrate(settings: pg.ClientConfig, migrations: readonly Migration[]): Promise<void> {
  // the wait for another replica's migration is not a lost connection
  const client = new pg.Client({ ...settings, query_timeout: 120_000 });
  client.on('error', () => {});
  await client.connect();
  try {
    await client.query('select pg_advisory_lock($1)', [LOCK]);
    await client.query(
      'create table if not exists clipn_migrations (name text primary key, applied_at timestamptz not null default now())',
    );
    const { rows } = await client.query<{ name: string }>('select name from clipn_migrations');
    const applied = new Set(rows.map((row) => row.name));
    for (const { name, sql } of migrations) {
      if (applied.has(name)) continue;
      await client.query('begin');
      await client.query(sql);
      await client.query('insert into clipn_migrations (name) values ($1)', [name]);
      await client.query('commit');
    }
  } finally {
    // ending the session gives back the lock, and undoes what was not committed
    await client.end().catch(() => {});
  }
}
