import type { Keyed, RecordStore } from '../storage/records/record-store.ts';

/** Number of verdicts of one group, counted by one process; see `stratumOf`. */
export interface StratumCount extends Keyed {
  stratum: string;
  verdicts: number;
  since: string;
}

/** Groups of one tenant that a process counts; a tenant whose features change often does not fill the memory. */
const MAX_STRATA = 1000;

/**
 * Counts all verdicts of tenants with capture, by group, so that the kept images can be weighted. Counts are stored every few
 * seconds and not for each image: a crash may lose the last of them, which hardly changes a share.
 */
export class Population {
  readonly #store: RecordStore<StratumCount>;
  /** Distinguishes the counts of processes that share a store. */
  readonly #part: string;
  readonly #tenants = new Map<string, Map<string, StratumCount>>();
  readonly #changed = new Set<string>();

  /** @param part name of this process among those that share the store; one that was used before continues its counts */
  constructor(store: RecordStore<StratumCount>, part: string) {
    this.#store = store;
    this.#part = part;
  }

  count(tenant: string, stratum: string, now: number): void {
    const own = this.#tenants.get(tenant) ?? new Map<string, StratumCount>();
    this.#tenants.set(tenant, own);
    const known = own.get(stratum);
    if (known) own.set(stratum, { ...known, verdicts: known.verdicts + 1 });
    else if (own.size < MAX_STRATA) {
      const since = new Date(now).toISOString();
      own.set(stratum, { key: `${this.#part} ${stratum}`, stratum, verdicts: 1, since });
    }
    this.#changed.add(tenant);
  }

  /** Loads the counts of earlier runs under the same name. */
  async load(): Promise<void> {
    for (const tenant of await this.#store.tenants()) {
      const own = [...(await this.#store.all(tenant)).values()].filter(({ key }) => key.startsWith(`${this.#part} `));
      if (own.length > 0) this.#tenants.set(tenant, new Map(own.map((count) => [count.stratum, count])));
    }
  }

  /** Stores new counts. */
  async flush(): Promise<void> {
    for (const tenant of [...this.#changed]) {
      this.#changed.delete(tenant);
      try {
        await this.#store.put(tenant, [...(this.#tenants.get(tenant)?.values() ?? [])]);
      } catch (error) {
        this.#changed.add(tenant);
        throw error;
      }
    }
  }

  /** Verdicts of every group of a tenant, of all processes, with the time of the first. */
  async of(tenant: string): Promise<Map<string, { verdicts: number; since: string }>> {
    const stored = new Map(await this.#store.all(tenant));
    for (const count of this.#tenants.get(tenant)?.values() ?? []) stored.set(count.key, count);
    const sums = new Map<string, { verdicts: number; since: string }>();
    for (const { stratum, verdicts, since } of stored.values()) {
      const sum = sums.get(stratum);
      sums.set(stratum, {
        verdicts: verdicts + (sum?.verdicts ?? 0),
        since: sum && sum.since < since ? sum.since : since,
      });
    }
    return sums;
  }

  async forget(tenant: string): Promise<void> {
    this.#tenants.delete(tenant);
    this.#changed.delete(tenant);
    await this.#store.removeAll(tenant);
  }
}
