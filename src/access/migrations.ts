import type { Migration } from '../storage/postgres/migrate.ts';

/** Tables for keys and audit log in PostgreSQL. Steps are only ever appended. */
export const ACCESS_MIGRATIONS: readonly Migration[] = [
  {
    name: '0001-access',
    version: 1,
    sql: `
      create table clipn_keys (id text primary key, stored json not null, last_used timestamptz);
      create table clipn_audit (id bigserial primary key, target text not null, entry json not null);
      create index clipn_audit_target on clipn_audit (target, id);
    `,
  },
];
