import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { printable } from '../../errors/printable.ts';
import type { TenantSummary } from '../../http/schemas/tenant.ts';
import { table } from '../table.ts';
import { RequestError, type ServiceClient, tenantPath } from './client.ts';
import { confirmed } from './confirm.ts';

const line = (value: unknown) => process.stdout.write(`${JSON.stringify(value)}\n`);

/** `tenants list`: a table, or one JSON object per line. */
export async function listTenants(
  client: ServiceClient,
  query: Record<string, string>,
  json: boolean,
): Promise<number> {
  const rows: string[][] = [];
  for await (const t of client.tenants(query)) {
    if (json) line(t);
    else
      rows.push([
        t.tenant,
        stateOf(t),
        String(t.version),
        String(t.class_count),
        t.updated_at.slice(0, 19).replace('T', ' '),
      ]);
  }
  if (rows.length > 0) {
    process.stdout.write(`${table(['tenant', 'state', 'version', 'classes', 'changed'], rows, new Set([2, 3]))}\n`);
  }
  return 0;
}

/** `tenants get`: YAML that `apply` accepts, or the service's complete reply as JSON. */
export async function getTenants(client: ServiceClient, ids: string[], json: boolean): Promise<number> {
  const replies = [];
  for (const id of ids) {
    const reply = await client.tenant(id);
    if (!reply) throw new RequestError('tenant_not_found', `There is no tenant ${id}.`);
    replies.push(reply);
  }
  if (json) for (const reply of replies) line(reply);
  else process.stdout.write(replies.map((r) => stringify({ tenant: r.tenant, ...r.definition })).join('---\n'));
  return 0;
}

export async function deleteTenants(client: ServiceClient, ids: string[], yes: boolean | undefined): Promise<number> {
  if (!(await confirmed(`Remove ${ids.join(', ')}?`, yes))) return 1;
  let status = 0;
  for (const id of ids) {
    try {
      await client.request('DELETE', tenantPath(id));
      process.stderr.write(`${id}: removed\n`);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      process.stderr.write(`${id}: ${printable(error.message)} (${error.code})\n`);
      status = 1;
    }
  }
  return status;
}

function stateOf({ state, progress, serving_version: serving, version }: TenantSummary): string {
  if (state === 'ready') return state;
  const how = state === 'building' ? `building ${progress.percent} %` : state;
  return serving === null || serving === version ? how : `${how}, ${serving} serves`;
}

export interface TenantWatch {
  json: boolean;
  everyMs: number;
  signal: AbortSignal;
}

/** `tenants watch`: prints the current state and then a line for every change. Waits while the service is unreachable. */
export async function watchTenants(
  client: ServiceClient,
  ids: string[],
  { json, everyMs, signal }: TenantWatch,
): Promise<number> {
  let seen = new Map<string, string>();
  let away = '';
  while (!signal.aborted) {
    try {
      const now = new Map<string, string>();
      for await (const t of client.tenants()) {
        if (ids.length > 0 && !ids.includes(t.tenant)) continue;
        const text = `version ${t.version} ${stateOf(t)}, ${t.class_count} classes${t.failure === undefined ? '' : `: ${t.failure}`}`;
        now.set(t.tenant, text);
        if (seen.get(t.tenant) !== text) tell(json, t.tenant, text, t);
      }
      for (const id of seen.keys()) if (!now.has(id)) tell(json, id, 'removed', { tenant: id, state: 'removed' });
      seen = now;
      away = '';
    } catch (error) {
      // a wrong key is a permanent error; an unreachable service may come back
      if (!(error instanceof RequestError) || ['unauthenticated', 'forbidden'].includes(error.code)) throw error;
      if (error.message !== away) process.stderr.write(`${printable(error.message)}\n`);
      away = error.message;
    }
    await sleep(everyMs, undefined, { signal }).catch(() => {});
  }
  return 0;
}

function tell(json: boolean, id: string, text: string, value: object): void {
  const at = new Date().toISOString();
  if (json) line({ at, ...value });
  else process.stdout.write(`${at.slice(11, 19)}  ${id}  ${printable(text)}\n`);
}
