import { randomUUID } from 'node:crypto';
import type { Database } from '../storage/postgres/database.ts';
import type { DriftState, DriftStore, Slots, StoredBaseline } from './store.ts';

interface StateRow {
  tenant: string;
  part: string;
  state: Slots | StoredBaseline;
}

const BASELINE = 'baseline';

/**
 * One row per tenant and replica with the replica's own counts, and one row with the baseline, so that every replica reports
 * the sum over all of them. The row of a replica that has ended stays until its counts have left the window.
 */
export class PostgresDriftStore implements DriftStore {
  readonly shared = true;
  readonly #database: Database;
  readonly #part = `replica ${randomUUID()}`;
  readonly #keepMs: number;

  /** @param keepMs age at which counts are deleted, milliseconds */
  constructor(database: Database, keepMs: number) {
    this.#database = database;
    this.#keepMs = keepMs;
  }

  async readAll(): Promise<Map<string, DriftState>> {
    await this.#database.query(
      "delete from clipn_drift where part <> $1 and at < now() - $2 * interval '1 millisecond'",
      [BASELINE, this.#keepMs],
    );
    const all = new Map<string, DriftState>();
    for (const { tenant, part, state } of await this.#database.query<StateRow>(
      'select tenant, part, state from clipn_drift',
    )) {
      const of = all.get(tenant) ?? { own: {}, others: [], baseline: undefined };
      if (part === BASELINE) of.baseline = state as StoredBaseline;
      else if (part === this.#part) of.own = state as Slots;
      else of.others.push(state as Slots);
      all.set(tenant, of);
    }
    return all;
  }

  async #write(tenant: string, part: string, state: Slots | StoredBaseline): Promise<void> {
    await this.#database.query(
      `insert into clipn_drift (tenant, part, state) values ($1, $2, $3)
       on conflict (tenant, part) do update set state = excluded.state, at = now()`,
      [tenant, part, JSON.stringify(state)],
    );
  }

  writeSlots(tenant: string, slots: Slots): Promise<void> {
    return this.#write(tenant, this.#part, slots);
  }

  pin(tenant: string, baseline: StoredBaseline): Promise<void> {
    return this.#write(tenant, BASELINE, baseline);
  }

  async unpin(tenant: string): Promise<void> {
    await this.#database.query('delete from clipn_drift where tenant = $1 and part = $2', [tenant, BASELINE]);
  }

  async remove(tenant: string): Promise<void> {
    await this.#database.query('delete from clipn_drift where tenant = $1', [tenant]);
  }
}
