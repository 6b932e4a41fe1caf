import pg from 'pg';
import { UserError } from '../../errors/user-error.ts';

/**
 * One step of the schema. Steps run once, in order, each in a transaction of its own; one that has been released never changes. A step only
 * adds: programs of the version before go on working on what it has made, so nothing that they use is dropped, renamed or narrowed
 * before the version after.
 */
export interface Migration {
  name: string;
  /** Version of the schema that it belongs to. */
  version: number;
  sql: string;
}

/** Any number that no other program is likely to lock: "clipn" in ASCII. */
const LOCK = 0x63_6c_69_70_6e;

/** The schema was made by a program that is too new for this one. */
export class SchemaTooNewError extends UserError {
  override readonly name = 'SchemaTooNewError';
  readonly code = 'schema_too_new';

  get exitCode(): 1 | 2 {
    return 1;
  }

  constructor(found: number, known: number) {
    super(
      `The database has version ${found} of the schema. This program supports versions up to ${known + 1}. ` +
        'Start a newer program, at most one version older than the one that made the schema.',
    );
  }
}

/** Newest version whose programs may share the database with those of `known`: an upgrade can be taken back by one version. */
const mayFollow = (known: number) => known + 1;

/** Applies what is missing. Of many processes that start together one works and the others wait for it. @throws SchemaTooNewError */
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
    // programs before this column leave it out: they made version 1
    await client.query('alter table clipn_migrations add column if not exists version integer not null default 1');
    const { rows } = await client.query<{ name: string; version: number }>(
      'select name, version from clipn_migrations',
    );
    const known = Math.max(...migrations.map((m) => m.version));
    const found = Math.max(0, ...rows.map((row) => row.version));
    if (found > mayFollow(known)) throw new SchemaTooNewError(found, known);
    const applied = new Set(rows.map((row) => row.name));
    for (const { name, version, sql } of migrations) {
      if (applied.has(name)) continue;
      await client.query('begin');
      await client.query(sql);
      await client.query('insert into clipn_migrations (name, version) values ($1, $2)', [name, version]);
      await client.query('commit');
    }
  } finally {
    // ending the session gives back the lock, and undoes what was not committed
    await client.end().catch(() => {});
  }
}
