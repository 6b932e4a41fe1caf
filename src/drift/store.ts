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

/** Of one tenant: what the writer itself has counted, what others have, and the baseline that all share. */
export interface DriftState {
  own: Slots;
  others: Slots[];
  baseline: StoredBaseline | undefined;
}

/**
 * Where counts outlive the process. Counts are written every few seconds and not per image: a crash may cost the last of them, which
 * no statistic notices. Baselines are durable when `pin` resolves.
 */
export interface DriftStore {
  /** Whether others write as well, so that what they have written must be read again and again. */
  readonly shared: boolean;
  readAll(): Promise<Map<string, DriftState>>;
  writeSlots(tenant: string, slots: Slots): Promise<void>;
  pin(tenant: string, baseline: StoredBaseline): Promise<void>;
  unpin(tenant: string): Promise<void>;
  /** Forgets the tenant. */
  remove(tenant: string): Promise<void>;
}
