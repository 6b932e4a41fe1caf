// types only: the page depends on the contract and carries none of the service's code
import type { DetectReply, FailedImage, Verdict } from '../../http/routes/detect/schema.ts';
import type { BuildReply, TenantReply, TenantSummary } from '../../http/schemas/tenant.ts';
import type { ClassEntry } from '../../tenants/classes.ts';
import type { TenantDefinition } from '../../tenants/definition.ts';

export type { BuildReply, ClassEntry, DetectReply, FailedImage, TenantDefinition, TenantReply, TenantSummary, Verdict };

export type Method = NonNullable<TenantDefinition['method']>;
export type Warning = TenantReply['warnings'][number];

/** What /readyz says. */
export interface Readiness {
  status: 'ready' | 'not_ready';
  reasons: string[];
  engine: { state: string; device: string; precision: string; restarts: number };
  model: { name: string; version: string };
}
