import type { DriftState, DriftStore, Slots, StoredBaseline } from '../../src/drift/store.ts';

/** Forgets with the process. Shared by several monitors it is what a database is to replicas. */
export class MemoryDriftStore implements DriftStore {
  readonly shared = true;
  readonly #rows: Map<string, Map<string, Slots | StoredBaseline>>;
  readonly #part: string;

  constructor(part = 'one', rows = new Map<string, Map<string, Slots | StoredBaseline>>()) {
    this.#part = part;
    this.#rows = rows;
  }

  /** The same rows, seen by another replica. */
  replica(part: string): MemoryDriftStore {
    return new MemoryDriftStore(part, this.#rows);
  }

  async readAll(): Promise<Map<string, DriftState>> {
    const states = [...this.#rows].map(([tenant, parts]): [string, DriftState] => {
      const of = structuredClone(parts);
      const others = [...of]
        .filter(([part]) => part !== this.#part && part !== 'baseline')
        .map(([, slots]) => slots as Slots);
      return [
        tenant,
        {
          own: (of.get(this.#part) ?? {}) as Slots,
          others,
          baseline: of.get('baseline') as StoredBaseline | undefined,
        },
      ];
    });
    return new Map(states);
  }

  #parts(tenant: string) {
    const parts = this.#rows.get(tenant) ?? new Map();
    this.#rows.set(tenant, parts);
    return parts;
  }

  async writeSlots(tenant: string, slots: Slots): Promise<void> {
    this.#parts(tenant).set(this.#part, structuredClone(slots));
  }

  async pin(tenant: string, baseline: StoredBaseline): Promise<void> {
    this.#parts(tenant).set('baseline', structuredClone(baseline));
  }

  async unpin(tenant: string): Promise<void> {
    this.#parts(tenant).delete('baseline');
  }

  async remove(tenant: string): Promise<void> {
    this.#rows.delete(tenant);
  }
}
