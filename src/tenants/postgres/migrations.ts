import type { Migration } from './migrate.ts';

/** The schema, step by step. Only ever appended to: replicas of two versions work on one database during an upgrade. */
export const MIGRATIONS: readonly Migration[] = [
  {
    name: '0001-tenants',
    sql: `
      -- the number of the last change, by topic
      create table clipn_changes (topic text primary key, value bigint not null);
      -- json and not jsonb: definitions are kept to the letter
      create table clipn_tenants (
        id text primary key,
        version integer not null,
        change bigint not null,
        stored json not null
      );
      create index clipn_tenants_change on clipn_tenants (change);
      -- things that happen once in the life of a database
      create table clipn_once (name text primary key, at timestamptz not null default now());
    `,
  },
];
