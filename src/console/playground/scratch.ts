import { addressOf, call, callJson } from '../api/client.ts';
import { apiKey } from '../api/key.ts';
import type { TenantSummary } from '../api/types.ts';

/**
 * Typed class names need a tenant, because the service compares with tenants only. Each browser session has one with a recognisable
 * name, and removes it when the page is closed. A page that was killed cannot do so, and therefore every page removes old tenants of others.
 */
export const SCRATCH_PREFIX = 'playground-';
export const isScratch = (id: string) => id.startsWith(SCRATCH_PREFIX);

const STORED = 'clipn-gate.playground';
const OLD_MS = 24 * 3600 * 1000;
let used = false;

/** The session's tenant, which is created at its first use. */
export function scratchTenant(): string {
  used = true;
  return scratchId();
}

/** Its id. */
export function scratchId(): string {
  let id = sessionStorage.getItem(STORED);
  if (id === null) {
    id =
      SCRATCH_PREFIX +
      [...crypto.getRandomValues(new Uint8Array(5))].map((b) => b.toString(36).padStart(2, '0')).join('');
    sessionStorage.setItem(STORED, id);
  }
  return id;
}

/** Removes the tenant when the page is closed or hidden. If the page is shown again, it creates the tenant again. */
export function removeOnLeave(onRemoved: () => void): void {
  addEventListener('pagehide', () => {
    if (!used) return;
    used = false;
    onRemoved();
    const key = apiKey.peek();
    const headers: Record<string, string> = key === undefined ? {} : { 'x-api-key': key };
    const id = sessionStorage.getItem(STORED) ?? '';
    fetch(addressOf(`v1/tenants/${id}`), { method: 'DELETE', keepalive: true, headers }).catch(() => {});
  });
}

/** Errors are ignored, because the next page tries again. */
export async function removeOld(): Promise<void> {
  try {
    const { tenants } = await callJson<{ tenants: TenantSummary[] }>(`v1/tenants?limit=1000&prefix=${SCRATCH_PREFIX}`);
    for (const { tenant, updated_at, etag } of tenants) {
      if (!isScratch(tenant) || Date.now() - Date.parse(updated_at) < OLD_MS) continue;
      await call(`v1/tenants/${tenant}`, { method: 'DELETE', headers: { 'if-match': etag } });
    }
  } catch {}
}
