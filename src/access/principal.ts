import type { KeyLimits } from './key-record.ts';
import { allows, type Need } from './scopes.ts';

/** The author of a request. */
export interface Principal {
  kind: 'key' | 'anonymous';
  /** Id of the key; empty for anonymous clients. */
  id: string;
  name: string;
  limits: KeyLimits;
  may(need: Need): boolean;
}

export function principalOf(id: string, name: string, scopes: readonly string[], limits: KeyLimits): Principal {
  return { kind: 'key', id, name, limits, may: (need) => allows(scopes, need) };
}

/** Every client, where no keys are required. */
export const EVERYBODY: Principal = { kind: 'anonymous', id: '', name: 'anonymous', limits: {}, may: () => true };

/** A client that sent no key, where one is required. */
export const NOBODY: Principal = { kind: 'anonymous', id: '', name: 'anonymous', limits: {}, may: () => false };
