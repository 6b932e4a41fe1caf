import type { KeyLimits } from './key-record.ts';
import { allows, type Need } from './scopes.ts';

/** Who asks. */
export interface Principal {
  kind: 'key' | 'anonymous';
  /** The key's id; empty for those without. */
  id: string;
  name: string;
  limits: KeyLimits;
  may(need: Need): boolean;
}

export function principalOf(id: string, name: string, scopes: readonly string[], limits: KeyLimits): Principal {
  return { kind: 'key', id, name, limits, may: (need) => allows(scopes, need) };
}

/** Everybody, where no keys are asked for. */
export const EVERYBODY: Principal = { kind: 'anonymous', id: '', name: 'anonymous', limits: {}, may: () => true };

/** Who has not shown a key where one is asked for. */
export const NOBODY: Principal = { kind: 'anonymous', id: '', name: 'anonymous', limits: {}, may: () => false };
