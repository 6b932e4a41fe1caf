// types only: the page depends on the contract and carries none of the service's code
import type { DetectReply, Verdict } from '../../http/routes/detect/schema.ts';
import type { BuildReply, TenantReply, TenantSummary } from '../../http/schemas/tenant.ts';

export type { BuildReply, DetectReply, TenantReply, TenantSummary, Verdict };

export type TenantDefinition = TenantReply['definition'];
export type ClassEntry = TenantDefinition['classes'][number];
export type Method = NonNullable<TenantDefinition['method']>;
export type Warning = TenantReply['warnings'][number];

/** What /readyz says. */
export interface Readiness {
  status: 'ready' | 'not_ready';
  reasons: string[];
  engine: { state: string; device: string; precision: string; restarts: number };
  model: { name: string; version: string };
}
