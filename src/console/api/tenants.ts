import { callJson } from './client.ts';
import type { TenantReply, TenantSummary } from './types.ts';

export interface TenantPage {
  tenants: TenantSummary[];
  /** The id to continue after; null on the last page. */
  next: string | null;
}

export function listTenants(query: { prefix?: string; after?: string; limit?: number } = {}): Promise<TenantPage> {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  return callJson(`v1/tenants?${new URLSearchParams(given.map(([k, v]) => [k, String(v)]))}`);
}

export const pathOf = (tenant: string) => `v1/tenants/${encodeURIComponent(tenant)}`;

export const getTenant = (tenant: string) => callJson<TenantReply>(pathOf(tenant));
