import { ServiceError } from '../errors/index.ts';
import type { Database } from '../storage/postgres/database.ts';
import type { AuditEntry, AuditLog, AuditPage, AuditQuery } from './audit.ts';

/** The audit log in PostgreSQL, shared by all replicas. */
export class PostgresAuditLog implements AuditLog {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async append(entry: AuditEntry): Promise<void> {
    await this.#database.query('insert into clipn_audit (target, entry) values ($1, $2)', [
      entry.target,
      JSON.stringify(entry),
    ]);
  }

  async read({ limit, before, target }: AuditQuery): Promise<AuditPage> {
    if (before !== undefined && !/^\d{1,18}$/.test(before)) {
      throw new ServiceError('invalid_request', '`before` must be the unchanged `next` of the previous page.');
    }
    // reads one entry more than the page holds, to know whether there is a next page
    const rows = await this.#database.query<{ id: string; entry: AuditEntry }>(
      `select id, entry from clipn_audit
       where ($1::bigint is null or id < $1) and ($2::text is null or target = $2) order by id desc limit $3`,
      [before ?? null, target ?? null, limit + 1],
    );
    const page = rows.slice(0, limit);
    return {
      entries: page.map((row) => row.entry),
      next: rows.length > limit ? (page.at(-1)?.id ?? null) : null,
    };
  }
}
