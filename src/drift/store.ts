import { type Static, Type } from 'typebox';
import { Counts } from './counts.ts';

/** Counts by the start of their slot, in milliseconds since 1970. */
export const Slots = Type.Record(Type.String({ pattern: '^\\d+$' }), Counts);
export type Slots = Static<typeof Slots>;

export const StoredBaseline = Type.Object({
  pinned_at: Type.String(),
  tenant_version: Type.Integer(),
  counts: Counts,
});
export type StoredBaseline = Static<typeof StoredBaseline>;

/** State of one tenant: the counts of this writer, the counts of other writers, and the shared baseline. */
export interface DriftState {
  own: Slots;
  others: Slots[];
  baseline: StoredBaseline | undefined;
}

/**
 * Keeps counts beyond the life of the process. Counts are written every few seconds and not per image: a crash may lose the
 * last of them, which does not change the statistics. Baselines are durable when `pin` resolves.
 */
export interface DriftStore {
  /** Whether other replicas write to the same store, so that their counts must be read regularly. */
  readonly shared: boolean;
  readAll(): Promise<Map<string, DriftState>>;
  writeSlots(tenant: string, slots: Slots): Promise<void>;
  pin(tenant: string, baseline: StoredBaseline): Promise<void>;
  unpin(tenant: string): Promise<void>;
  /** Removes the tenant's state. */
  remove(tenant: string): Promise<void>;
}
