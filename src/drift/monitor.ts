import { ServiceError } from '../errors/index.ts';
import { addTo, type CountedVerdict, type Counts, noCounts, sum } from './counts.ts';
import { type DriftReport, driftReport, FEWEST_IMAGES } from './report.ts';
import type { DriftState, DriftStore, Slots } from './store.ts';

/** Number of slots in the window; the window advances by one slot at a time. */
const SLOTS = 24;

export interface DriftMonitorOptions {
  store: DriftStore;
  /** Length of the window that is compared with the baseline, milliseconds. */
  windowMs: number;
  /** Interval at which counts are written and those of other replicas are read, milliseconds. */
  syncMs?: number;
  onProblem?: (error: unknown) => void;
  now?: () => number;
}

/** Compares the recent verdicts of every tenant with a baseline that the operator has pinned. */
export class DriftMonitor {
  readonly #options: DriftMonitorOptions;
  readonly #now: () => number;
  readonly #slotMs: number;
  readonly #tenants = new Map<string, DriftState>();
  readonly #changed = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(options: DriftMonitorOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#slotMs = Math.max(1, Math.round(options.windowMs / SLOTS));
  }

  /** Loads the counts of earlier runs. */
  async start(): Promise<void> {
    for (const [tenant, state] of await this.#options.store.readAll()) this.#tenants.set(tenant, state);
    this.#timer = setInterval(() => {
      this.sync().catch((error) => this.#options.onProblem?.(error));
    }, this.#options.syncMs ?? 10_000);
    this.#timer.unref();
  }

  /** Writes the remaining counts. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.sync().catch((error) => this.#options.onProblem?.(error));
  }

  record(tenant: string, observed: CountedVerdict): void {
    const { own } = this.#of(tenant);
    const slot = String(Math.floor(this.#now() / this.#slotMs) * this.#slotMs);
    own[slot] ??= noCounts();
    addTo(own[slot], observed);
    this.#changed.add(tenant);
  }

  report(tenant: string): DriftReport {
    const state = this.#tenants.get(tenant);
    if (!state) return driftReport(noCounts(), undefined);
    const { baseline } = state;
    return driftReport(
      this.#window(state),
      baseline && { pinnedAt: baseline.pinned_at, tenantVersion: baseline.tenant_version, counts: baseline.counts },
    );
  }

  /** Names of the tenants that have counts or a baseline. */
  tenants(): Iterable<string> {
    return this.#tenants.keys();
  }

  /** Makes the current window the baseline. @throws ServiceError baseline_too_small */
  async pin(tenant: string, tenantVersion: number): Promise<void> {
    const state = this.#of(tenant);
    const counts = this.#window(state);
    if (counts.images < FEWEST_IMAGES) {
      throw new ServiceError(
        'baseline_too_small',
        `There are ${counts.images} verdicts in the window; a baseline takes at least ${FEWEST_IMAGES}.`,
      );
    }
    const baseline = { pinned_at: new Date(this.#now()).toISOString(), tenant_version: tenantVersion, counts };
    await this.#alone(async () => {
      await this.#options.store.pin(tenant, baseline);
      state.baseline = baseline;
    });
  }

  async unpin(tenant: string): Promise<void> {
    await this.#alone(async () => {
      await this.#options.store.unpin(tenant);
      const state = this.#tenants.get(tenant);
      if (state) state.baseline = undefined;
    });
  }

  /** Removes all counts of a removed tenant, so that a new tenant of the same name starts from zero. */
  async forget(tenant: string): Promise<void> {
    await this.#alone(async () => {
      this.#tenants.delete(tenant);
      this.#changed.delete(tenant);
      await this.#options.store.remove(tenant);
    });
  }

  /** Removes what this process has counted of a tenant that another process has removed, and nothing else. */
  async drop(tenant: string): Promise<void> {
    await this.#alone(async () => {
      this.#tenants.delete(tenant);
      this.#changed.delete(tenant);
      await this.#options.store.writeSlots(tenant, {});
    });
  }

  /** Writes new counts and reads those of other replicas. */
  sync(): Promise<void> {
    return this.#alone(() => this.#sync());
  }

  /** Runs one piece of work at a time, so that a read does not overwrite a concurrent write. */
  #alone(work: () => Promise<void>): Promise<void> {
    this.#last = this.#last.catch(() => {}).then(work);
    return this.#last;
  }

  async #sync(): Promise<void> {
    for (const tenant of [...this.#changed]) {
      const state = this.#tenants.get(tenant);
      if (!state) continue;
      this.#changed.delete(tenant);
      // keys that are no times are fields of a newer program
      for (const slot of Object.keys(state.own))
        if (/^\d+$/.test(slot) && !this.#isRecent(slot)) delete state.own[slot];
      try {
        await this.#options.store.writeSlots(tenant, state.own);
      } catch (error) {
        this.#changed.add(tenant);
        throw error;
      }
    }
    if (!this.#options.store.shared) return;
    for (const [tenant, { others, baseline }] of await this.#options.store.readAll()) {
      const state = this.#of(tenant);
      state.others = others;
      state.baseline = baseline;
    }
  }

  #of(tenant: string): DriftState {
    let state = this.#tenants.get(tenant);
    if (!state) {
      state = { own: {}, others: [], baseline: undefined };
      this.#tenants.set(tenant, state);
    }
    return state;
  }

  #isRecent = (slot: string): boolean => Number(slot) > this.#now() - this.#options.windowMs;

  #window({ own, others }: DriftState): Counts {
    const recent = (slots: Slots) =>
      Object.entries(slots).flatMap(([slot, counts]) => (this.#isRecent(slot) ? [counts] : []));
    return sum([own, ...others].flatMap(recent));
  }
}
