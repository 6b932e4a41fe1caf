import type { Migration } from '../../storage/postgres/migrate.ts';

/**
 * The schema, step by step. Steps are only ever appended, because replicas of two versions use one database during an upgrade.
 * The first step after a release begins the next schema version.
 */
export const TENANT_MIGRATIONS: readonly Migration[] = [
  {
    name: '0001-tenants',
    version: 1,
    sql: `
      -- the number of the last change, by topic
      create table clipn_changes (topic text primary key, value bigint not null);
      -- json and not jsonb: definitions are kept unchanged
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
  {
    name: '0002-features-builds',
    version: 1,
    sql: `
      -- class features: key is a hash of tower, templates and name; row is its checksum and the numbers
      create table clipn_features (
        bundle text not null,
        key bytea not null,
        row bytea not null,
        added timestamptz not null default now(),
        used date not null default current_date,
        primary key (bundle, key)
      );
      -- packed numbers: trying to compress them costs time and wins nothing
      alter table clipn_features alter column row set storage external;
      -- builds under way: who does it, until when unless heard of again, and how far it is
      create table clipn_builds (
        key text primary key,
        owner text not null,
        until timestamptz not null,
        done integer not null default 0,
        total integer not null default 0
      );
    `,
  },
];
