import { randomUUID } from 'node:crypto';
import { notify, TOPICS } from '../../storage/postgres/changes.ts';
import type { Database } from '../../storage/postgres/database.ts';
import type { BuildLeases, Lease, LeaseProgress } from '../leases.ts';

/** After this silence of its holder a lease expires, and another process may take the build over. */
const LEASE_MS = 5000;

interface Waiter {
  key: string;
  wake: () => void;
  onProgress: (progress: LeaseProgress) => void;
}

/** Leases as rows with an expiry time, by the database's clock. The holder extends it while it works. */
export class PostgresLeases implements BuildLeases {
  readonly #database: Database;
  readonly #owner = randomUUID();
  readonly #leaseMs: number;
  readonly #waiters = new Set<Waiter>();

  constructor(database: Database, { leaseMs = LEASE_MS } = {}) {
    this.#database = database;
    this.#leaseMs = leaseMs;
    database.watch(TOPICS.builds, () => this.#look());
  }

  async claim(key: string): Promise<Lease | undefined> {
    const rows = await this.#database.transaction(async (query) => {
      // leases of abandoned builds that were not claimed again
      await query(`delete from clipn_builds where until < now() - interval '1 hour'`);
      const mine = await query(
        `insert into clipn_builds as b (key, owner, until) values ($1, $2, now() + $3 * interval '1 millisecond')
         on conflict (key) do update set owner = excluded.owner, until = excluded.until, done = 0, total = 0
         where b.until < now() returning key`,
        [key, this.#owner, this.#leaseMs],
      );
      if (mine.length > 0) await notify(query, TOPICS.builds);
      return mine;
    });
    return rows.length > 0 ? this.#hold(key) : undefined;
  }

  #hold(key: string): Lease {
    const lost = new AbortController();
    let progress: LeaseProgress = { done: 0, total: 0 };
    const beat = async () => {
      const rows = await this.#database.query(
        `update clipn_builds set until = now() + $3 * interval '1 millisecond', done = $4, total = $5
         where key = $1 and owner = $2 returning key`,
        [key, this.#owner, this.#leaseMs, progress.done, progress.total],
      );
      if (rows.length > 0) return;
      // a lost lease cannot be renewed
      clearInterval(timer);
      lost.abort(new Error(`the lease of ${key} was lost`));
    };
    // while the database is unreachable no other process can take the lease either, so the work continues
    const timer = setInterval(() => void beat().catch(() => {}), this.#leaseMs / 5);
    return {
      signal: lost.signal,
      report: (done, total) => {
        progress = { done, total };
      },
      release: async () => {
        clearInterval(timer);
        // if this fails, the lease expires by itself
        await this.#database
          .transaction(async (query) => {
            await query('delete from clipn_builds where key = $1 and owner = $2', [key, this.#owner]);
            await notify(query, TOPICS.builds);
          })
          .catch(() => {});
      },
    };
  }

  wait(key: string, ms: number, signal: AbortSignal, onProgress: Waiter['onProgress']): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', wake);
        this.#waiters.delete(waiter);
        resolve();
      };
      const waiter: Waiter = { key, wake, onProgress };
      const timer = setTimeout(wake, ms);
      signal.addEventListener('abort', wake, { once: true });
      if (signal.aborted) wake();
      else this.#waiters.add(waiter);
    });
  }

  async #look(): Promise<void> {
    if (this.#waiters.size === 0) return;
    const rows = await this.#database.query<{ key: string; done: number; total: number; expired: boolean }>(
      'select key, done, total, until < now() as expired from clipn_builds',
    );
    const held = new Map(rows.map((row) => [row.key, row]));
    for (const waiter of [...this.#waiters]) {
      const row = held.get(waiter.key);
      if (!row || row.expired) waiter.wake();
      else if (row.total > 0) waiter.onProgress({ done: row.done, total: row.total });
    }
  }
}
