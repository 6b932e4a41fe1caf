// types only: the page depends on the contract and contains no code of the service
import type { DetectReply, Verdict } from '../../http/schemas/detect.ts';
import type { BuildReply, TenantReply, TenantSummary } from '../../http/schemas/tenant.ts';

export type { BuildReply, DetectReply, TenantReply, TenantSummary, Verdict };

export type TenantDefinition = TenantReply['definition'];
export type ClassEntry = TenantDefinition['classes'][number];
export type Method = NonNullable<TenantDefinition['method']>;
export type Warning = TenantReply['warnings'][number];

/** The reply of /readyz. */
export interface Readiness {
  status: 'ready' | 'not_ready';
  reasons: string[];
  engine: { state: string; device: string; precision: string; restarts: number };
  model: { name: string; version: string };
}
