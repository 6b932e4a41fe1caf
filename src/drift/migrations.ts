import type { Migration } from '../storage/postgres/migrate.ts';

/** Tables for counts of verdicts in PostgreSQL. Steps are only ever appended. */
export const DRIFT_MIGRATIONS: readonly Migration[] = [
  {
    name: '0010-drift',
    version: 1,
    sql: `
      -- counts of verdicts: one row per tenant and replica, and the tenant's baseline, part = 'baseline'
      create table clipn_drift (
        tenant text not null,
        part text not null,
        state json not null,
        at timestamptz not null default now(),
        primary key (tenant, part)
      );
    `,
  },
];
