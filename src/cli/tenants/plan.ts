import type { TenantReply } from '../../http/schemas/tenant.ts';
import { sameDefinition } from '../../tenants/definition.ts';
import type { ServiceClient } from './client.ts';
import { diffLines } from './diff.ts';
import type { WantedTenant } from './documents.ts';

export type Step =
  | { action: 'create'; tenant: string; wanted: WantedTenant }
  | { action: 'update'; tenant: string; wanted: WantedTenant; etag: string; version: number; lines: string[] }
  /** `unfinished` if its features are not ready: an earlier run may have been interrupted. */
  | { action: 'unchanged'; tenant: string; unfinished?: TenantReply }
  | { action: 'delete'; tenant: string; etag: string };

/** The changes that bring the service to the state of the files; with `prune`, tenants without a file are removed. */
export async function planOf(client: ServiceClient, wanted: WantedTenant[], prune: boolean): Promise<Step[]> {
  const steps: Step[] = [];
  for (const w of wanted) {
    const { tenant } = w;
    const now = await client.tenant(tenant);
    if (!now) steps.push({ action: 'create', tenant, wanted: w });
    else if (sameDefinition(now.definition, w.definition) && now.state !== 'cancelled') {
      steps.push({ action: 'unchanged', tenant, ...(now.state !== 'ready' && { unfinished: now }) });
    } else {
      const lines = diffLines(now.definition, w.definition);
      if (lines.length === 0) lines.push('  its build was cancelled and is started again');
      steps.push({ action: 'update', tenant, wanted: w, etag: now.etag, version: now.version, lines });
    }
  }
  if (!prune) return steps;
  const keep = new Set(wanted.map((w) => w.tenant));
  for await (const { tenant, etag, source } of client.tenants()) {
    // tenants of the service's own watched directory cannot be removed by the API
    if (!keep.has(tenant) && source === undefined) steps.push({ action: 'delete', tenant, etag });
  }
  return steps;
}

/** Formats the plan as text. */
export function describePlan(steps: Step[]): string {
  const lines = steps.flatMap((step) => {
    if (step.action === 'create') {
      const { classes } = step.wanted.definition;
      return [`${step.tenant}: new, ${classes.length} ${classes.length === 1 ? 'class' : 'classes'}`];
    }
    if (step.action === 'update') return [`${step.tenant}: changes version ${step.version}`, ...step.lines];
    if (step.action === 'delete') return [`${step.tenant}: is removed`];
    return step.unfinished ? [`${step.tenant}: unchanged, version ${step.unfinished.version} is not ready yet`] : [];
  });
  const count = (action: Step['action']) => steps.filter((s) => s.action === action).length;
  const summary = `${count('create')} new, ${count('update')} changed, ${count('delete')} removed, ${count('unchanged')} unchanged`;
  return [...lines, summary].join('\n');
}
