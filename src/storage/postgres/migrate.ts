import pg from 'pg';
import { UserError } from '../../errors/user-error.ts';

/**
 * One step of the schema. Steps run once, in order, each in a transaction of its own; a released step never changes. Programs
 * of the previous version continue to use the database, so a step only adds. It drops, renames or narrows nothing that the
 * previous version uses.
 */
export interface Migration {
  name: string;
  /** The schema version that the step belongs to. */
  version: number;
  sql: string;
}

/** Key of the advisory lock: "clipn" in ASCII, which other programs are unlikely to use. */
const LOCK = 0x63_6c_69_70_6e;

/** The schema was made by a program that is too new for this one. */
export class SchemaTooNewError extends UserError {
  override readonly name = 'SchemaTooNewError';
  readonly code = 'schema_too_new';

  constructor(found: number, known: number) {
    super(
      `The database has version ${found} of the schema. This program supports versions up to ${known + 1}. ` +
        'Start a newer program, at most one version older than the one that made the schema.',
    );
  }
}

/** Newest schema that programs of version `known` accept: an upgrade can be taken back by one version. */
const mayFollow = (known: number) => known + 1;

/** Applies missing steps. If several processes start together, one applies them; the others wait. @throws SchemaTooNewError */
export async function migrate(settings: pg.ClientConfig, migrations: readonly Migration[]): Promise<void> {
  // a long timeout, because waiting for another replica's migration is normal
  const client = new pg.Client({ ...settings, query_timeout: 120_000 });
  client.on('error', () => {});
  await client.connect();
  try {
    await client.query('select pg_advisory_lock($1)', [LOCK]);
    await client.query(
      'create table if not exists clipn_migrations (name text primary key, applied_at timestamptz not null default now())',
    );
    // older programs do not write this column: they made version 1
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
    // ending the session releases the lock and rolls back an open transaction
    await client.end().catch(() => {});
  }
}
